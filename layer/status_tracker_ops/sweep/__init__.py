"""The sweep: what it restarts, what it registers, and what it counts."""

"""The sweep of the document tasks: what it restarts, what it registers, and what it counts."""

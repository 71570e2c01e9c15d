"""What is measured: one file each, imported by a worker process only, since each needs packages of its own."""

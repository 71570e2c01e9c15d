"""`python -m status_tracker.cli`."""

from . import main

main()

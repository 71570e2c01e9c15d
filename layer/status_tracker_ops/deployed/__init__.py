"""The Lambda handlers of the functions that operate a pipeline: an application has no file of its own for them.

Each learns its pipeline from the environment variable ``STATUS_TRACKER_TASK``.
"""

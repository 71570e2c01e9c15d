"""The table's stream: an event for every change of a task's status, and exact counts of the statuses."""

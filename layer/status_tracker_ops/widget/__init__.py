"""What operators see of the tasks and do to them, from a custom widget of CloudWatch."""

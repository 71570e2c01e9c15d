"""CloudWatch on this machine: metrics that come in, alarms that are evaluated, and the dashboard that is drawn."""

"""Dashboard, alarms and saved queries."""

"""From uploaded objects to tasks whose workflow is started."""

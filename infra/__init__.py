"""The CDK constructs of status-tracker; ``app.py`` puts them on."""

"""The stack of the documents application."""

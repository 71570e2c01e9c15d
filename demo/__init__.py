"""The demo: sample documents through the documents application, in the local cloud."""

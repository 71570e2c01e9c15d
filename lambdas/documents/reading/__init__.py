"""Step 1: text and key-values of a document."""

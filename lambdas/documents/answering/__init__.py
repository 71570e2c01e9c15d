"""Step 2: the answers to the business questions."""

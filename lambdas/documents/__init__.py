"""The PDF example: what the three handlers do, apart from being Lambda functions."""

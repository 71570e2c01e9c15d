"""Reading with Amazon Textract."""

"""What a release is made of: its wheels and its notes."""

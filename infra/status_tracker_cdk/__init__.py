"""CDK constructs for any pipeline."""

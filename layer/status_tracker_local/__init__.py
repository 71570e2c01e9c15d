"""The application on one machine: the account in a moto server, Lambda functions as real runtime processes."""

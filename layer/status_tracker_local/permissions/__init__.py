"""Holds each function, state machine and schedule to the policies of its role, as IAM would."""

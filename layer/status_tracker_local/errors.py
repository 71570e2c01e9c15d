"""What the local cloud raises."""


class LocalCloudError(RuntimeError):
    """Something that the local cloud needs is missing or has failed; the message says what to do."""

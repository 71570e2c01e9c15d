"""What the permissions of the local cloud raise."""


class UnknownStatementError(ValueError):
    """A policy has something that the local cloud cannot judge; the message names it, such as ``NotAction``."""


class RefusedError(RuntimeError):
    """The policies do not allow what was asked for; the message says who, which action, on what, and why."""

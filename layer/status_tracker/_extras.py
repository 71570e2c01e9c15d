"""What an import error says where an extra of the distribution is not installed."""

from __future__ import annotations


def missing_extra(extra: str, error: ModuleNotFoundError) -> ImportError:
    """The error that names the extra to install."""
    message = f"status_tracker.{extra} needs {error.name}: pip install 'status-tracker[{extra}]'"
    return ImportError(message, name=error.name)

"""What an import error says where an extra of the distribution is not installed."""

from __future__ import annotations

from importlib.util import find_spec


def missing_extra(extra: str, error: ModuleNotFoundError) -> ImportError:
    """The error of a room that is named as its extra."""
    return _missing(f"status_tracker.{extra}", str(error.name), f"status-tracker[{extra}]")


def require(package: str, *modules: str, install: str) -> None:
    """Raise `ImportError` unless the modules that the package is made with are installed; imports none of them.

    Args:
        package: what is being imported.
        modules: the names at the top of what it needs.
        install: the requirement that brings them, as pip takes it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise _missing(package, module, install)


def _missing(package: str, module: str, install: str) -> ImportError:
    return ImportError(f"{package} needs {module}: pip install '{install}'", name=module)

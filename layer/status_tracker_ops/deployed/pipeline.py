"""The pipeline that a deployed function operates."""

from __future__ import annotations

import importlib
import os
from functools import cache

from status_tracker.operations.pipeline import Pipeline

VARIABLE = "STATUS_TRACKER_TASK"
_EXPECTED = "expected module:NAME of a Pipeline, such as orders.tasks:PIPELINE"


@cache
def deployed_pipeline() -> Pipeline:
    """The pipeline that the environment variable ``STATUS_TRACKER_TASK`` names, as ``module:NAME``.

    Raises:
        ValueError: the variable is missing, or names no pipeline.
        ImportError: the module is not in the function, or cannot be imported.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        raise ValueError(f"The environment variable {VARIABLE} is missing or empty: {_EXPECTED}.")
    module_name, _, name = named.partition(":")
    if not module_name or not name:
        raise ValueError(f"The environment variable {VARIABLE} is {named!r}: {_EXPECTED}.")
    found = getattr(importlib.import_module(module_name), name, None)
    if not isinstance(found, Pipeline):
        what = f"has no {name}" if found is None else f"has a {name} that is a {type(found).__name__}"
        raise ValueError(f"The environment variable {VARIABLE} is {named!r}, but {module_name} {what}: {_EXPECTED}.")
    return found

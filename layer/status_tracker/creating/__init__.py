"""Creating thousands of tasks: a few at the same time, and what became of each told exactly.

The backends' `create_many` are made of it. Ids are taken from the iterable as they are needed, and what became of them
is told in their order, so that a million of them takes no more memory than a thousand.
"""

from .outcomes import CreateOutcome, CreateResult, Found

__all__ = ["CreateOutcome", "CreateResult", "Found"]

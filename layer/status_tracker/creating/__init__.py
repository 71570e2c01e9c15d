"""Creating thousands of tasks: a few at the same time, and what became of each told exactly.

The backends' `create_many` are made of it. Ids are taken from the iterable as they are needed, and what became of them
is told in their order, so that a million of them takes no more memory than a thousand.
"""

from .given import checked, split
from .many import PARALLEL, create_many
from .outcomes import Answer, CreateOutcome, CreateResult, Found
from .single import one_by_one

__all__ = [
    "PARALLEL",
    "Answer",
    "CreateOutcome",
    "CreateResult",
    "Found",
    "checked",
    "create_many",
    "one_by_one",
    "split",
]

"""Texts with wildcards, as policies have them: ``*`` stands for any text, ``?`` for one character."""

import re
from collections.abc import Iterable
from typing import Any


def pattern(texts: Iterable[str], *, ignore_case: bool = False) -> re.Pattern[str]:
    """What matches, in full, each text that one of `texts` stands for."""
    alternatives = "|".join("".join(map(_expression, text)) for text in texts)
    return re.compile(rf"(?:{alternatives})\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def arn_pattern(texts: Iterable[str]) -> re.Pattern[str]:
    """The same for ARNs, where a wildcard stays within its part: only the last of the six may contain a colon."""
    alternatives = "|".join(
        ":".join(
            "".join(map(_expression if place == _LAST_PART else _expression_of_a_part, part))
            for place, part in enumerate(text.split(":", _LAST_PART))
        )
        for text in texts
    )
    return re.compile(rf"(?:{alternatives})\Z", re.DOTALL)


def listed(value: Any) -> list[Any]:
    """A value of a policy, which may stand alone or in a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


_LAST_PART = 5


def _expression(character: str) -> str:
    return {"*": ".*", "?": "."}.get(character, re.escape(character))


def _expression_of_a_part(character: str) -> str:
    return {"*": "[^:]*", "?": "[^:]"}.get(character, re.escape(character))

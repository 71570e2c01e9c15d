"""
What the value of a key must look like to answer a question.

Each kind of question takes values of one form: a number with digits in it, a date, an amount, a name, or any short text.
What does not have the form is no answer, however near the key it stands: "Due date: see section 4" has no date.
`read` takes from the printed words those that are the value; `same` tells two spellings of one value.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import permutations
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final = ("number", "date", "amount", "name", "text")
TYPED: Final = frozenset({"number", "date", "amount"})
"""Kinds that are known by their form alone; a name or a text must be known by its place."""

CURRENCY = (
    r"(?:(?:US|A|C|HK|NZ|S)?\$|[\u20a0-\u20cf£¥￥円元]|(?:EUR|USD|GBP|CHF|JPY|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON"
    r"|ILS|BRL|MXN|ZAR|SGD|HKD|KRW|TRY|AED|Rs\.?)(?![^\W\d_])|(?i:(?:US )?(?:dollars?|euros?|pounds?))(?![^\W\d_]))"
)
_MAX_TEXT_CHARACTERS, _MAX_NAME_CHARACTERS, _MAX_NUMBER_CHARACTERS = 300, 120, 40
_MAX_NAME_WORDS, _MAX_NUMBER_WORDS = 16, 4

_FIGURES = r"(?:\d{1,3}(?:[ '’.,]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?)(?![\d])"
_AMOUNT = re.compile(
    rf"(?P<before>(?:[-−+(]\s?)*(?:{CURRENCY}\s?)?(?:[-−+(]\s?)*)(?P<figures>{_FIGURES})"
    rf"(?P<after>[-−]?\)?-?(?:\s?{CURRENCY})?\)?(?:\s?(?:CR|DR)(?!\w))?)"
)
_NUMERIC_DATE = r"\d{4}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{1,2}|\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?(?:\d{4}|\d{2})"
_MONTH = r"[^\W\d_]{3,12}\.?"
_WORDED_DATE = (
    rf"\d{{1,2}}(?:\.|º|st|nd|rd|th|er)?[ -](?:of |de )?{_MONTH},?[ -](?:de |del )?(?:\d{{4}}|\d{{2}})"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    r"|\d{4} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일]"
)
_DATE = re.compile(
    rf"(?:[^\W\d_]{{2,10}}\.?,? )?(?P<date>{_WORDED_DATE}|{_NUMERIC_DATE})(?![\w/.-]*\d)(?=[ ,;]*$|,?\s\(|,?\s\d{{1,2}}:\d\d|T\d\d:)"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene ιαν", "feb fev fév ene.feb φεβ", "mar mär mrz μαρ", "apr avr abr απρ", "may mai mayo μαι μαΐ μάι",
            "jun juin ιουν", "jul juil ιουλ", "aug aoû aou ago αυγ", "sep set σεπ", "oct okt out οκτ οκτώ",
            "nov νοε", "dec dez déc dic δεκ",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_POINTS_ELSEWHERE = re.compile(
    r"(?:(?:please )?(?:see|refer to)|siehe|s\.|voir|cf\.?|v[eé]ase|ver|as (?:per|agreed|stated|set out|defined|above|below)"
    r"|wie (?:oben|unten|vereinbart)|gemäß|laut|selon|seg[uú]n|according to|pursuant to|n/?a|tb[acd]|none|keine?|nul)\b"
    r"|[-–—./\s]*$",
    re.IGNORECASE,
)
_FIRST_WORDS_OF_CLAUSES = re.compile(r"\b(?:shall|will|must|may|is|are|was|were|has|have|means|soll|muss|ist|sind)\b")


def read(kind: str, printed: str) -> str | None:
    """Those of the `printed` words that are a value of this kind; None where they are none."""
    return _READERS[kind](" ".join(printed.split()))


def same(kind: str, one: str, other: str) -> bool:
    """Whether two values of this kind say the same: "EUR 5.00" and "5,00 EUR", "1/2/24" and "1 February 2024"."""
    if _plain(one) == _plain(other):
        return True
    if kind == "amount":
        return _parsed_amount(one) == _parsed_amount(other)
    return kind == "date" and bool(_days(one) & _days(other))


def is_zero(amount: str) -> bool:
    """Whether an amount is nothing, as is what is still due of a bill that is paid."""
    return not re.search(r"[1-9]", amount)


def has_currency(amount: str) -> bool:
    return re.search(CURRENCY, amount) is not None


def _number(printed: str) -> str | None:
    words = printed.split()
    if not 0 < len(words) <= _MAX_NUMBER_WORDS or len(printed) > _MAX_NUMBER_CHARACTERS:
        return None
    if re.fullmatch(r"[(].*[)]|.*[%€£$¥].*|.*[,;:?!=<>@].*", printed):
        return None
    first, *others = words
    is_prefix = bool(others) and (re.fullmatch(r"[^\W\d_]{1,5}[-./]?|[#№]", first) is not None and first == first.upper())
    if not all(any(map(str.isdigit, word)) for word in (others if is_prefix else words)):
        return None
    return printed.removesuffix(".")


def _date(printed: str) -> str | None:
    found = _DATE.match(printed)
    return found["date"].strip(" ,") if found and (_days(found["date"]) or _has_unknown_month(found["date"])) else None


def _amount(printed: str) -> str | None:
    found = _AMOUNT.match(printed)
    if found is None:
        return None
    value, rest = found[0].strip(), printed[found.end() :]
    if rest and not re.match(r"[ *.,;]", rest):
        return None
    if re.match(r"[*.,;]*\s*(?:%|[-−+(]?\s?\d)", rest) or rest.strip(" *.,;").startswith(("x ", "× ", "of ", "/")):
        return None
    if rest.strip(" *.,;") and not has_currency(value) and not re.search(r"[.,]\d\d$", found["figures"]):
        return None  # "3 items"
    if value.count("(") != value.count(")"):
        return None
    return value


def _name(printed: str) -> str | None:
    words = printed.split()
    letters = [word for word in words if any(map(str.isalpha, word))]
    if not letters or len(words) > _MAX_NAME_WORDS or len(printed) > _MAX_NAME_CHARACTERS or len(printed) < 2:
        return None
    if not _begins_like_a_name(words[0]) or _POINTS_ELSEWHERE.match(printed) or re.search(r"[;:?!<>@=]|://", printed):
        return None
    if _date(printed) or _FIRST_WORDS_OF_CLAUSES.search(printed):
        return None
    small = [word for word in letters if word[0].islower()]
    return None if len(small) * 2 > len(letters) else printed.rstrip(",")


def _text(printed: str) -> str | None:
    is_words = any(map(str.isalnum, printed)) and len(printed) <= _MAX_TEXT_CHARACTERS
    return None if not is_words or _POINTS_ELSEWHERE.match(printed) else printed


_READERS: dict[str, Callable[[str], str | None]] = {
    "number": _number,
    "date": _date,
    "amount": _amount,
    "name": _name,
    "text": _text,
}


def _begins_like_a_name(word: str) -> bool:
    """With a capital, a letter of a script that has none, or a figure; "the", "to" begin a clause."""
    first = next((character for character in word if character.isalnum()), "")
    return bool(first) and not first.islower()


def _plain(value: str) -> str:
    return "".join(unicodedata.normalize("NFKC", value).casefold().split()).strip(".,")


def _parsed_amount(value: str) -> tuple[bool, str, frozenset[str]]:
    """Sign, figures in their plainest form, and the currencies that are named."""
    found = _AMOUNT.search(value)
    if found is None:
        return False, _plain(value), frozenset()
    negative = bool(re.search(r"[-−(]", found["before"]) or re.match(r"[-−]", found["after"]))
    figures = re.sub(r"[ '’]", "", found["figures"])
    whole, _, cents = re.sub(r"[.,](?=\d{1,2}$)", "|", figures).partition("|")
    return negative, f"{re.sub(r'[.,]', '', whole)}.{cents:0<2}", frozenset(re.findall(CURRENCY, value))


def _days(value: str) -> set[tuple[int, int, int]]:
    """The days (year, month, day) that a date can mean: 1/2/24 is two of them."""
    numbers = [int(figures) for figures in re.findall(r"\d+", value)]
    month = next(filter(None, (_month(word) for word in re.findall(r"[^\W\d_]+", value))), None)
    if month is not None and len(numbers) == 2:  # noqa: PLR2004  # the day and the year
        return {day for order in permutations(numbers) if (day := _day(order[0], month, order[1]))}
    if len(numbers) != 3:  # noqa: PLR2004  # the day, the month, the year
        return set()
    first, second, third = numbers
    orders = [(first, second, third)] if len(re.findall(r"\d+", value)[0]) == 4 else [  # noqa: PLR2004
        (third, second, first), (third, first, second), *([(first, second, third)] if third <= 31 and first > 31 else []),  # noqa: PLR2004
    ]  # fmt: skip
    return {day for order in orders if (day := _day(*order))}


def _month(word: str) -> int | None:
    return _MONTHS.get(word.casefold()[:4]) or _MONTHS.get(word.casefold()[:3])


def _has_unknown_month(value: str) -> bool:
    """Whether a word stands for the month that no list of ours has: another language is no other form."""
    return bool(re.search(r"[^\W\d_]{3}", value)) and not _days(value) and max(map(int, re.findall(r"\d+", value))) > 31  # noqa: PLR2004


def _day(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    full = year + 2000 if year < 100 else year  # noqa: PLR2004  # two figures are of this century
    return (full, month, day) if 1 <= month <= 12 and 1 <= day <= 31 and 1900 <= full < 2200 else None  # noqa: PLR2004

"""
What the value of a key must look like to answer a question.

Each kind of question takes values of one form: a number that has figures, a date, an amount, a name, or a short text.
What does not have the form is no answer, however near the key it stands: "Due date: see section 4" has no date.
`read` takes from the printed words those that are the value; `same` tells two spellings of one value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final = ("number", "date", "amount", "name", "text")
TYPED: Final = frozenset({"number", "date", "amount"})
"""Kinds that are known by their form alone; a name or a text must be known by its place."""

CURRENCY = (
    r"(?:(?:US|AU?|CA?|HK|NZ|S)?\$|[\u20a0-\u20cf£¥￥円元]|(?:EUR|USD|GBP|CHF|JPY|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON"
    r"|ILS|BRL|MXN|ZAR|SGD|HKD|KRW|TRY|AED|Rs\.?)(?![^\W\d_])|(?i:(?:US )?(?:dollars?|euros?|pounds?))(?![^\W\d_]))"
)
_MAX_TEXT_CHARACTERS = 160
_MAX_CHARACTERS, _MAX_NAME_CHARACTERS, _MAX_NUMBER_CHARACTERS = 300, 120, 40
_MIN_NAME_LETTERS, _MAX_NAME_WORDS, _MAX_NUMBER_WORDS = 2, 16, 4

_FIGURES = r"(?:\d{1,3}(?:[ '\u2019.,]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?)(?![\d])"
_AMOUNT = re.compile(
    rf"(?P<before>(?:[-\u2212+(]\s?)*(?:{CURRENCY}\s?)?(?:[-\u2212+(]\s?)*)(?P<figures>{_FIGURES})"
    rf"(?P<after>[-\u2212]?\)?-?(?:\s?{CURRENCY})?\)?(?:\s?(?:CR|DR)(?!\w))?)"
)
_UNKNOWN_LETTER = "\ufffd"
_RANGE = re.compile(rf"\s*(?:[-\u2013\u2014]|to|bis|or|oder|ou|o)\s*(?:{CURRENCY}\s?)?\d")
_NUMERIC_DATE = r"\d{4}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{1,2}|\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?(?:\d{4}|\d{2})"
_MONTH = r"[^\W\d_]{3,12}\.?"
_WORDED_DATE = (
    rf"\d{{1,2}}(?:\.|\u00ba|st|nd|rd|th|er)?[ -](?:of |de )?{_MONTH},?[ -](?:de |del )?(?:\d{{4}}|\d{{2}})"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    r"|\d{4} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일]"
)
_DAY_OF_WEEK = (
    r"(?:[^\W\d_]{2,10}\.?,|(?:lun|mar|mer|mi[e\u00e9]|jue?|ven|vie|sam|s[a\u00e1]b|dim|dom|mon|tue|wed|thu|fri|sat|sun|die|mit|don|fre|son)"
    r"[^\W\d_]{0,7}\.?|the|le|den|der|el|am|on|du|del)"
)
_DATE = re.compile(
    rf"(?:{_DAY_OF_WEEK} )?(?P<date>{_WORDED_DATE}|{_NUMERIC_DATE})(?![\w/.-]*\d)"
    r"(?=[ .,;]*$|,?\s\(|,?\s\d{1,2}:\d\d|T\d\d:)"
)
_FIGURES_OF_A_YEAR = 4
_SYMBOLS = {"€": "EUR", "£": "GBP", "US$": "USD", "CA$": "CAD", "AU$": "AUD", "\uffe5": "¥"}
_POINTS_ELSEWHERE = re.compile(
    r"(?:(?:please )?(?:see|refer to)|as (?:per|agreed|stated|set out|defined|above|below)"
    r"|siehe|voir|cf\.?|v[eé]ase|ver|same as|dito|ditto|idem|identi(?:que|sch|cal)|unknown|unbekannt|pending"
    r"|not (?:available|applicable|known|agreed|specified|stated|defined|yet)"
    r"|wie (?:oben|unten|vereinbart)|gemäß|laut|selon|seg[uú]n|according to|pursuant to|to be [a-z]+ed"
    r"|n/?a|tb[acd]|none|keine?|nul)\b"
    r"|s\.\s|(?:yes|no|ja|nein|oui|non|s[ií]|on|off|true|false)[.!]?$"
    r"|[-\u2013—./\s]*$",
    re.IGNORECASE,
)
_POINTS_ELSEWHERE_LATER = re.compile(
    r"\b(?:stated|named|specified|defined|shown|given|listed|described|set out) (?:in|on|above|below|overleaf)\b"
)
_BLANK = re.compile(
    r"[\[{<_#]"  # "[name]", "____", "#####"
    r"|(?:your |ihre? |votre |su )?(?:company|full|customer|client|business|firm|first|last) name\b"
    r"|[-\u2013\u2014. ]*(?:please |bitte |veuillez |por favor,? )?(?:select|choose|pick|enter|click|tap"
    r"|type in|fill in|insert"
    r"|w\u00e4hlen|ausw\u00e4hlen|eingeben|eintragen|klicken|choisi(?:r|ssez)|s\u00e9lectionne[rz]|saisi(?:r|ssez)|cliquez"
    r"|selecciona[r]?|seleccione|elija|elegir|introduzca|escriba|haga clic)"
    r"(?:$|[-\u2013\u2014.\u2026: ]+$| (?:to|here|an?|the|one|your|from|in|on|sie|hier|einen?|ici|un[ae]?|le|la|votre"
    r"|aqu\u00ed|el|su)\b)",
    re.IGNORECASE,
)
_TICK_BOX = re.compile(r"[\[(] ?[xX\u2713\u2714]? ?[\])]|[\u2610-\u2612\u25a0\u25a1\u25cb\u25cf\u25ef]|^o \S.* o \S")
_ONLY_A_UNIT = re.compile(
    r"(?:days?|weeks?|months?|years?|tagen?|wochen?|monaten?|jahren?|jours?|mois|ans?|d\u00edas?|mes(?:es)?|a\u00f1os?)[.\s]*$",
    re.IGNORECASE,
)
_ONLY_A_TIME = re.compile(r"\d{1,2}[:.h]\d{2}\s*(?:uhr|h|[ap]\.?m\.?)?$", re.IGNORECASE)
_IS_NO_TERM = re.compile(
    r"^\d+ ?(?:ms|milliseconds?|s|sec|seconds?|min|minutes?|minuten|hours?|hrs?|stunden)\b", re.IGNORECASE
)
_IS_DEFINITION = re.compile(
    r"(?:the|a) (?:day|date|period|time|term|law|rules?|laws) (?:on|during|in|for|from|that|which|within)\b"
)
_AFTER_AN_AMOUNT = re.compile(
    r"(?:inc|incl|inkl|ink|including|inclus|incluido|ttc|t\.t\.c|by|on|due|paid|cr|dr|brutto|gross|total|only|and|please"
    r"|bis|am|avant|le|with (?:vat|tax)|mit mwst|con iva|(?:vat|tax|gst|tva|mwst|ust|iva) (?:inc|inkl|inclu\w*))\b",
    re.IGNORECASE,
)
_A_RATE = re.compile(r"(?:per|pro|par|por|je|each|an? (?:hour|day|week|month|year)|p\.\s?[amh])\b", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(
    r"[;:?!<>@=|]|://|\b(?:shall|will|must|may|is|are|was|were|has|have|means|soll|muss|ist|sind)\b"
)
_DEFINITION = re.compile(
    r"\s*[(](?=[\"\u201c\u201e\u00ab']|the |hereinafter|nachfolgend|im |ci-apr\u00e8s|en adelante)"
)


def read(kind: str, printed: str) -> str | None:
    """Those of the `printed` words that are a value of this kind; None where they are none."""
    words = " ".join(printed.split())
    if len(words) > _MAX_CHARACTERS or _UNKNOWN_LETTER in words:
        return None
    return _READERS[kind](words)


def same(kind: str, one: str, other: str) -> bool:
    """
    Whether two values of this kind say the same: "EUR 5.00" and "5,00 €", "1/2/24" and "1 February 2024".

    An amount without a currency is the same as one with any.
    """
    if _plain(one) == _plain(other):
        return True
    if kind == "amount":
        (figures, currency), (other_figures, other_currency) = _parsed_amount(one), _parsed_amount(other)
        return figures == other_figures and (not currency or not other_currency or currency == other_currency)
    return kind == "date" and bool(_days(one) & _days(other))


def is_zero(amount: str) -> bool:
    """Whether an amount is nothing, as is what is still due of a bill that is paid."""
    return not re.search(r"[1-9]", amount)


def cents(amount: str) -> int | None:
    """An amount in hundredths, less than nothing where it is negative; None where it is none."""
    if _AMOUNT.search(amount) is None:
        return None
    return int(_parsed_amount(amount)[0].replace(".", ""))


def amounts_in(text: str) -> tuple[int, ...]:
    """All amounts in a text, in hundredths, without their signs."""
    return tuple(abs(int(_parsed_amount(found["figures"])[0].replace(".", ""))) for found in _AMOUNT.finditer(text))


def has_currency(amount: str) -> bool:
    return re.search(CURRENCY, amount) is not None


def is_plain_count(amount: str) -> bool:
    """Whether it may as well count or measure things: without a currency and without cents."""
    return re.fullmatch(r"\(?\d{1,3}\)?|.*[.,]\d", amount) is not None and not has_currency(amount)


def is_whole_without_currency(amount: str) -> bool:
    """Whether it is an amount only where its page deals with money."""
    return not has_currency(amount) and re.search(r"[.,]\d{1,2}\D*$", amount) is None


def _number(printed: str) -> str | None:
    words = printed.split()
    if not 0 < len(words) <= _MAX_NUMBER_WORDS or len(printed) > _MAX_NUMBER_CHARACTERS:
        return None
    if re.fullmatch(r"[+(/].*|.*[%€£$¥].*|.*[,;:?!=<>@\[\]{}].*|.*[-/_]|(?i:box)\b.*", printed):
        return None  # one that ends with a hyphen goes on elsewhere
    first, *others = words
    is_prefix = bool(others) and (re.fullmatch(r"[^\W\d_]{1,5}\.?|[#№]", first) is not None and first == first.upper())
    if not all(any(map(str.isdigit, word)) for word in (others if is_prefix else words)):
        return None
    mixed = [word for word in words if any(map(str.isdigit, word)) and any(map(str.isalpha, word))]
    if len(mixed) > 1 or any(map(_date, words)) or _date(printed):
        return None  # two numbers, or a number and a date
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
    if re.match(r"[*.,;\s]*(?:%|/|[-\u2212+(]?\s?\d|(?:x|\u00d7|of|von|de|sur)\s)", rest) or _RANGE.match(rest):
        return None
    words = rest.strip(" *.,;(")
    if words and (_A_RATE.match(words) or not _AFTER_AN_AMOUNT.match(words)):
        return None  # "3 items", "24.00 kg", "50.00 EUR per month", "100.00 EUR plus VAT"
    if value.count("(") != value.count(")"):
        return None
    return _with_one_currency(value, found["before"], found["after"])


def _with_one_currency(value: str, before: str, after: str) -> str | None:
    """Of "EUR 50.00 EUR" it is "50.00 EUR"; None where two currencies differ. "$" and "USD" may be the same."""
    first, last = re.search(CURRENCY, before), re.search(CURRENCY, after)
    if not first or not last or first[0].isalpha() != last[0].isalpha():
        return value
    return value[first.end() :].strip() if first[0] == last[0] and not before[: first.start()] else None


def _name(printed: str) -> str | None:
    name = _DEFINITION.split(printed)[0].rstrip(" ,")
    words = name.split()
    letters = [word for word in words if any(map(str.isalpha, word))]
    if len(words) > _MAX_NAME_WORDS or len(name) > _MAX_NAME_CHARACTERS:
        return None
    if sum(map(len, letters)) < _MIN_NAME_LETTERS or not _begins_like_a_name(words[0]):
        return None
    if _points_elsewhere(name) or _BLANK.match(name) or _NOT_IN_NAMES.search(name) or _date(name):
        return None
    small = [word for word in letters if word[0].islower()]
    return None if len(small) * 2 > len(letters) else name


def _text(printed: str) -> str | None:
    if len(printed) > _MAX_TEXT_CHARACTERS or not any(map(str.isalnum, printed)) or _points_elsewhere(printed):
        return None
    is_blank = _BLANK.match(printed) or _ONLY_A_UNIT.match(printed) or _ONLY_A_TIME.match(printed)
    if _IS_NO_TERM.search(printed) or _IS_DEFINITION.match(printed):
        return None
    return None if is_blank or _TICK_BOX.search(printed) or printed.isdecimal() else printed


def _points_elsewhere(printed: str) -> bool:
    return _POINTS_ELSEWHERE.match(printed) is not None or _POINTS_ELSEWHERE_LATER.search(printed) is not None


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


def _parsed_amount(value: str) -> tuple[str, set[str]]:
    """The figures in their plainest form, with a minus for less than nothing, and the currency if one is named."""
    found = _AMOUNT.search(value)
    if found is None:
        return _plain(value), set()
    negative = bool(re.search(r"[-\u2212(]", found["before"]) or re.match(r"[-\u2212]", found["after"]))
    figures = re.sub(r"[ '\u2019]", "", found["figures"])
    whole, _, cents = re.sub(r"[.,](?=\d{1,2}$)", "|", figures).partition("|")
    currencies = {_SYMBOLS.get(currency, currency) for currency in re.findall(CURRENCY, value)}
    return f"{'-' * negative}{re.sub(r'[.,]', '', whole)}.{cents:0<2}", currencies


def _days(value: str) -> set[tuple[int, int, int]]:
    """The days (year, month, day) that a date can mean: 1/2/24 is two of them."""
    figures = re.findall(r"\d+", value)
    numbers = [int(each) for each in figures]
    match numbers, _month_of(value):
        case [one, other], int(month):
            orders = [(other, month, one), (one, month, other)]
        case [year, month, day], None if len(figures[0]) == _FIGURES_OF_A_YEAR:
            orders = [(year, month, day)]
        case [one, other, year], None:
            orders = [(year, other, one), (year, one, other)]
        case _:
            orders = []
    return {found for order in orders if (found := _day(*order))}


def _month_of(value: str) -> int | None:
    return next(filter(None, (_month(word) for word in re.findall(r"[^\W\d_]+", value))), None)


def _month(word: str) -> int | None:
    """The month that a word names: its first four letters without accents, or three, tell it in five languages."""
    letters = "".join(each for each in unicodedata.normalize("NFD", word.casefold()) if not unicodedata.combining(each))
    return _months().get(letters[:4]) or _months().get(letters[:3])


@cache
def _months() -> dict[str, int]:
    names = json.loads(Path(__file__).with_name("months.json").read_text("utf-8"))
    return {name: number for number, of_month in enumerate(names, 1) for name in of_month}


def _has_unknown_month(value: str) -> bool:
    """Whether a word stands for the month that no list of ours has: another language is no other form."""
    return re.search(r"[^\W\d_]{3}", value) is not None and re.search(r"\d{4}", value) is not None


def _day(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    """None where there is no such day; a year of two figures is of this century."""
    full = year + 2000 if year < 100 else year  # noqa: PLR2004
    is_one = 1 <= month <= 12 and 1 <= day <= 31 and 1900 <= full < 2200  # noqa: PLR2004
    return (full, month, day) if is_one else None

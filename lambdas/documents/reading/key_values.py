"""
The "Key: value" lines of a text.

A line counts as one when all of this holds:

- It has a colon, also a full-width one, that separates. None separates between two digits (10:30),
  before `//` or `\\` (an address, a drive), nor beside another colon (`std::vector`). The first that
  separates ends the key; further ones belong to the value.
- The key has at most 50 characters and 6 words and at least one letter, of any script; longer is prose.
  Bullets before it and leader dots after it are not part of it.
- The value is the rest of the line. Where that is empty, it is the line just below, unless that is blank or
  has a key of its own: many invoices set the value under its key. Without either there is no pair.

A key that comes repeatedly is kept each time, in order. Time and space are linear in the text.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from documents.reading.extracted import KeyValue

MAX_KEY_CHARACTERS = 50
MAX_KEY_WORDS = 6

_COLONS = r":\uff1a"  # U+FF1A is the full-width colon of Chinese and Japanese
_SEPARATOR = re.compile(rf"(?<![{_COLONS}])[{_COLONS}](?![{_COLONS}\\]|//)")
_BULLETS = "-\u2013\u2014*•▪◦·> \t"
_WITHIN_WORDS, _NO_LETTERS = re.compile(r"(?<=[a-z])(?=[A-Z])"), re.compile(r"[\W_]+")
_LEADER = "._… \t"


def find_key_values(text: str, page: int) -> list[KeyValue]:
    """The "Key: value" lines of one page's text, top to bottom; `page` is noted on each."""
    lines = text.splitlines()
    split_lines = [_split(line) for line in lines]
    found = []
    for index, split_line in enumerate(split_lines):
        if split_line is None:
            continue
        key, value = split_line
        if not value and index + 1 < len(lines) and split_lines[index + 1] is None:
            value = lines[index + 1].strip()
        if value:
            found.append(KeyValue(key, value, page, index + 1))
    return found


@lru_cache(maxsize=10_000)
def normalize_key(key: str) -> str:
    """
    The form in which two spellings of a key are the same: case, accents, punctuation and width do not count.

    >>> normalize_key("Invoice No.") == normalize_key("INVOICE_NO") == normalize_key("invoiceNo")
    True
    """
    words = _WITHIN_WORDS.sub(" ", key if key.isascii() else unicodedata.normalize("NFKD", key))
    letters = words.lower() if key.isascii() else _without_accents(words)
    return " ".join(_NO_LETTERS.sub(" ", letters).split())


def _without_accents(words: str) -> str:
    letters = unicodedata.normalize("NFKD", words.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _split(line: str) -> tuple[str, str] | None:
    """Key and value (which may be empty) of a line, or None where it has no key."""
    start, end = next(_separators(line), (0, 0))
    key = " ".join(line[:start].lstrip(_BULLETS).rstrip(_LEADER).split())
    return (key, line[end:].strip()) if _is_key(key) else None


def _separators(line: str) -> Iterator[tuple[int, int]]:
    for match in _SEPARATOR.finditer(line):
        start, end = match.span()
        between_digits = line[start - 1 : start].isdigit() and line[end : end + 1].isdigit()
        if not between_digits:
            yield start, end


def _is_key(key: str) -> bool:
    return (
        len(key) <= MAX_KEY_CHARACTERS
        and len(key.split()) <= MAX_KEY_WORDS
        and any(character.isalpha() for character in key)
        and "://" not in key  # what comes before a port or a path of an address
    )

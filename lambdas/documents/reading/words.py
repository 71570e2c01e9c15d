"""From letters to words and lines, by where they stand; the order in which a file draws them decides nothing."""

from __future__ import annotations

import math
import unicodedata
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from documents.reading.page_model import Word
from documents.reading.pdfium_letters import LETTER_GAP

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from documents.reading.pdfium_letters import Letters

# In parts of the letters' size.
_TOUCHING = 0.12
_OVERLAP = 0.3
_OVERPRINT = 0.3
_SAME_LINE = 0.35
_SAME_BASE = 0.15
_ABOVE, _BELOW = 0.75, 0.25
_SAME_SIZE = 1.2
_BASE_AND_LEFT, _LEFT_AND_RIGHT = itemgetter(3, 1), itemgetter(1, 2)  # of letters
_EXACTLY, _SMALL_CAPITALS = 0.02, 2.0


def lines_of(letters: Sequence[Letters]) -> list[list[Word]]:
    """The lines from top to bottom, each with its words in the order in which they are read."""
    return [_in_reading_order(_words(line)) for line in _lines(_fragments(letters))]


def with_notes(lines: Sequence[Sequence[Word]], notes: Sequence[Sequence[Word]]) -> list[list[Word]]:
    """The lines with those of notes typed onto the page: each in the line at whose height it is, or in its own."""
    found = [list(line) for line in lines]
    for note in notes:
        middle = (note[0].top + note[0].bottom) / 2
        level = next((line for line in found if line[0].top <= middle <= line[0].bottom), None)
        if level:
            level.extend(note)
            level.sort(key=lambda word: word.left)
        else:
            found.append(list(note))
    return sorted(found, key=lambda line: line[0].bottom)


def text_of(lines: Iterable[Sequence[Word]]) -> str:
    return "\n".join([" ".join([word.text for word in line]) for line in lines])


def _fragments(letters: Sequence[Letters]) -> list[Letters]:
    """Letters that come one after the other and touch."""
    found: list[Letters] = []
    run: list[Letters] = []
    for letter in letters:
        if run:
            last = run[-1]
            size = last.size
            is_far = letter.left - last.right > LETTER_GAP * size or abs(letter.base - last.base) > _OVERPRINT * size
            if not is_far and _is_printed_again(last, letter):
                continue
            if is_far or not _touches(last, letter):
                found.append(_fragment(run))
                run = []
        run.append(letter)
    return [*found, _fragment(run)] if run else found


def _fragment(run: Sequence[Letters]) -> Letters:
    first = run[0]
    if len(run) == 1:
        return first
    text = "".join([letter.text for letter in run])
    left, right = min([letter.left for letter in run]), max([letter.right for letter in run])
    return first._replace(text=text, left=left, right=right)


def _is_printed_again(last: Letters, letter: Letters) -> bool:
    """Bold that is made by printing a letter twice; a ligature gives two letters in one place, of one object."""
    shift = abs(letter.left - last.left)
    return (
        letter.text == last.text
        and shift <= _OVERPRINT * last.size / 2
        and abs(letter.base - last.base) <= _OVERPRINT * last.size / 2
        and (letter.item != last.item or shift > 0)
    )


def _touches(last: Letters, letter: Letters) -> bool:
    if not letter.reach or not _is_level(last, letter):
        return False
    if letter.item == last.item and letter.left == last.left:
        return True
    gap = letter.left - last.right
    return min(abs(gap), abs(last.left - letter.right)) <= letter.reach * last.size or -_OVERLAP * last.size <= gap <= 0


def _is_level(last: Letters, letter: Letters) -> bool:
    """Letters of one word stand on one line; small capitals are smaller, and stand on it exactly."""
    rise, ratio = abs(letter.base - last.base), letter.size / last.size
    if 1 / _SAME_SIZE <= ratio <= _SAME_SIZE:
        return rise <= _SAME_BASE * last.size
    return rise <= _EXACTLY * last.size and 1 / _SMALL_CAPITALS <= ratio <= _SMALL_CAPITALS


def _lines(fragments: Iterable[Letters]) -> list[list[Letters]]:
    lines: list[list[Letters]] = []
    first = None
    for fragment in sorted(fragments, key=_BASE_AND_LEFT):
        rise = fragment.base - first.base if first else math.inf
        if first and (rise == 0 or rise <= _SAME_LINE * max(fragment.size, first.size)):
            lines[-1].append(fragment)
        else:
            first = fragment
            lines.append([first])
    return lines


def _words(line: list[Letters]) -> list[Word]:
    line.sort(key=_LEFT_AND_RIGHT)
    merged: list[Letters] = []
    last = None
    for fragment in line:
        if last:
            if last.text == fragment.text and fragment.left - last.left <= _OVERPRINT * last.size:
                continue
            if fragment.left - last.right <= _TOUCHING * last.size and _continues(last, fragment):
                text = fragment.text + last.text if _is_rtl(fragment.text) else last.text + fragment.text
                last = merged[-1] = last._replace(text=text, right=max(last.right, fragment.right))
                continue
        last = fragment
        merged.append(fragment)
    return [
        Word(text, left, base - _ABOVE * size, right, base + _BELOW * size, size)
        for text, left, right, base, size, _, _ in merged
    ]


def _continues(last: Letters, fragment: Letters) -> bool:
    gap = fragment.left - last.right
    return (
        fragment.reach > 0
        and -_OVERLAP * last.size <= gap <= _TOUCHING * last.size
        and _is_level(last, fragment)
        and _is_rtl(last.text) == _is_rtl(fragment.text)
    )


def _in_reading_order(words: list[Word]) -> list[Word]:
    """A line that is mostly of right-to-left letters begins at the right; what runs the other way stays as it is."""
    if all(word.text.isascii() for word in words):
        return words
    rtl = sum(len(word.text) for word in words if _is_rtl(word.text))
    if 2 * rtl <= sum(len(word.text) for word in words if any(map(str.isalpha, word.text))):
        return words
    runs = [list(run) for _, run in groupby(words, key=lambda word: _is_rtl(word.text))]
    return [word for run in reversed(runs) for word in (reversed(run) if _is_rtl(run[0].text) else run)]


def _is_rtl(text: str) -> bool:
    return not text.isascii() and any(unicodedata.bidirectional(char) in {"R", "AL"} for char in text)

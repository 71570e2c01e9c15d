"""
A document as its reader sees it: words, fields and attachments, each where it is shown.

Lengths are in points, as the page is shown: turned as the file says, counted from its upper left corner, `y` growing
downwards. Words that nobody sees (off the page, on a hidden layer, in invisible letters without a scanned image under
them) are not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

FieldKind = Literal["text", "check box", "radio button", "choice", "signature", "button"]


class Word(NamedTuple):
    """
    Letters without white space between them, in the order in which they are read.

    `size` is that of the font in points. `bottom` is a quarter of it below the line on which the letters stand, and
    `top` three quarters above, whatever letters they are: words of one line and size are level.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float


@dataclass(frozen=True, slots=True)
class FormField:
    """
    A field of a form, where it is shown.

    Attributes:
        name: its whole name, with those of its groups: "buyer.address[0].city".
        tooltip: what the form says of it when pointed at; "" for nothing.
        kind: "check box" and "radio button" also tell `checked`, and have the words beside them as `caption`.
        value: as it is stored: of a choice its label, not the code behind it. Empty where it is a secret.
        drawn: what the page shows in its place, where that is another value; "" where it is none.
        caption: what is printed right of a check box or radio button; "" for nothing, and for all other kinds.
        checked: whether a check box or this one of several radio buttons is ticked.
        secret: a password field; its value is not read.
    """

    name: str
    tooltip: str
    kind: FieldKind
    value: str
    page: int
    left: float
    top: float
    right: float
    bottom: float
    caption: str = ""
    checked: bool = False
    secret: bool = False
    drawn: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file within the file."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page, by its `number` counted from 1.

    `words` are in reading order: lines from top to bottom, in each from its beginning to its end. `text` has the same
    words in lines. `image_share` is how much of the page images cover, from 0 to 1. `drawings` counts what is drawn on
    it that is neither text nor image. `recognised`: there is text under an image, as programs that read scans leave it.
    """

    number: int
    width: float
    height: float
    words: tuple[Word, ...]
    text: str
    image_share: float = 0.0
    drawings: int = 0
    recognised: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """
    What a PDF has in it.

    Attributes:
        pages: those that could be read.
        unreadable: numbers of the pages of which nothing, or not all, could be read.
        meaningless: how many characters of the pages have no meaning: their fonts do not tell which letters they are.
    """

    pages: tuple[Page, ...]
    page_count: int
    fields: tuple[FormField, ...]
    attachments: tuple[Attachment, ...]
    unreadable: tuple[int, ...] = ()
    meaningless: int = 0

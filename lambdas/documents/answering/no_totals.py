"""
Which amounts of a page are no total, whatever their key says.

They are sums before tax, what is still due after a part was paid, sums of sections, and numbers that are no money.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from documents.values import amounts_in, cents, has_currency, is_whole_without_currency

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAX = re.compile(r"\b(?:vat|mwst|ust|umsatzsteuer|mehrwertsteuer|tva|iva|gst|hst|(?:sales )?tax)\b", re.IGNORECASE)
_PAID = re.compile(
    r"\b(?:deposit|paid|payments?|prepaid|advance|anzahlung|gezahlt|bezahlt|acompte|pay\u00e9|anticipo|pagado)\b",
    re.IGNORECASE,
)
_ADDED = re.compile(r"(?:\+|plus|add|zzgl\.?|zuz\u00fcglich|m\u00e1s)\s", re.IGNORECASE)
_LINES_BELOW = 3


class NoTotals:
    """What the pages say about taxes, parts that are paid, and money at all."""

    def __init__(self, pages: Sequence[str]) -> None:
        self._pages = [_Page(text) for text in pages]
        self._has_money = any(map(has_currency, pages))

    def has(self, value: str, page: int | None, times: int = 1) -> bool:
        """
        Whether an amount that its key has so many times on that page is no total.

        A tax is added to it just below; it and a tax, or a part that is paid, make another amount that is printed
        there, or it does so by itself, repeated; or it is a whole number where no currency is named.
        """
        amount = cents(value)
        if amount is None or page is None or not 0 < page <= len(self._pages):
            return False
        if is_whole_without_currency(value) and not self._has_money:
            return True
        return self._pages[page - 1].is_part(abs(amount), times)


class _Page:
    def __init__(self, text: str) -> None:
        lines = [(line.strip(" *-\u2022"), amounts_in(line)) for line in text.splitlines()]
        self._amounts = frozenset(amount for _, amounts in lines for amount in amounts)
        self._others = frozenset(
            other for line, amounts in lines if _TAX.search(line) or _PAID.search(line) for other in amounts if other
        )
        self._added_to = frozenset(
            amount
            for number, (line, _) in enumerate(lines)
            if _TAX.search(line) and _ADDED.match(line)
            for amount in next(
                (found for _, found in reversed(lines[max(number - _LINES_BELOW, 0) : number]) if found), ()
            )
        )

    def is_part(self, amount: int, times: int) -> bool:
        wholes = {amount + other for other in self._others}
        if times > 1 and amount:
            wholes.add(amount * times)
        return amount in self._added_to or not wholes.isdisjoint(self._amounts)

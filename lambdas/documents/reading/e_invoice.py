"""
The data of an e-invoice that is attached to a PDF: ZUGFeRD, Factur-X and XRechnung, in both of their syntaxes.

The syntax CII is that of the root element `CrossIndustryInvoice`, UBL that of `Invoice` and `CreditNote`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from documents.reading.extracted import KeyValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from xml.etree.ElementTree import Element

    from documents.reading.page_model import Attachment

MAX_BYTES = 5 * 1024 * 1024
_COMPACT_DATE = 8
_TRADE = "SupplyChainTradeTransaction"
_AGREEMENT, _SETTLEMENT = f"{_TRADE}/ApplicableHeaderTradeAgreement", f"{_TRADE}/ApplicableHeaderTradeSettlement"
_SUMS = f"{_SETTLEMENT}/SpecifiedTradeSettlementHeaderMonetarySummation"


@dataclass(frozen=True)
class _Syntax:
    """Where the data stand, by local names from the root on; `currency` names the one of the total."""

    paths: Mapping[str, tuple[str, ...]]
    currency: str


_CII = _Syntax(
    {
        "Invoice number": ("ExchangedDocument/ID",),
        "Order number": (f"{_AGREEMENT}/BuyerOrderReferencedDocument/IssuerAssignedID",),
        "Invoice date": ("ExchangedDocument/IssueDateTime/DateTimeString",),
        "Due date": (f"{_SETTLEMENT}/SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString",),
        "Seller": (f"{_AGREEMENT}/SellerTradeParty/Name",),
        "Customer": (f"{_AGREEMENT}/BuyerTradeParty/Name",),
        "Total": (f"{_SUMS}/GrandTotalAmount",),
    },
    f"{_SETTLEMENT}/InvoiceCurrencyCode",
)
_PARTY_NAMES = ("PartyLegalEntity/RegistrationName", "PartyName/Name")
_UBL = _Syntax(
    {
        "Invoice number": ("ID",),
        "Order number": ("OrderReference/ID",),
        "Invoice date": ("IssueDate",),
        "Due date": ("DueDate", "PaymentMeans/PaymentDueDate"),
        "Seller": tuple(f"AccountingSupplierParty/Party/{name}" for name in _PARTY_NAMES),
        "Customer": tuple(f"AccountingCustomerParty/Party/{name}" for name in _PARTY_NAMES),
        "Total": ("LegalMonetaryTotal/TaxInclusiveAmount",),
    },
    "DocumentCurrencyCode",
)
_SYNTAXES = {"CrossIndustryInvoice": _CII, "Invoice": _UBL, "CreditNote": _UBL}


def e_invoice_pairs(attachments: Iterable[Attachment]) -> list[KeyValue]:
    """The data of the attached e-invoices; what is no e-invoice, is not well-formed or has a DTD has none."""
    return [pair for attachment in attachments for pair in _pairs(attachment.content)]


def _pairs(content: bytes) -> list[KeyValue]:
    root = _parse(content)
    syntax = None if root is None else _SYNTAXES.get(_local(root))
    if root is None or syntax is None:
        return []
    currency = _text(root, (syntax.currency,))
    found = {key: _text(root, paths) for key, paths in syntax.paths.items()}
    if found["Total"] and currency:
        found["Total"] = f"{found['Total']} {currency}"
    return [KeyValue(key, _dashed(value) if "date" in key else value) for key, value in found.items() if value]


def _parse(content: bytes) -> Element | None:
    """A DTD, which no e-invoice has, could have entities that expand without end."""
    if len(content) > MAX_BYTES or b"<" not in content[:200] or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return None
    from xml.etree.ElementTree import ParseError, fromstring  # noqa: PLC0415  # few documents have one attached

    try:
        return fromstring(content)  # noqa: S314  # without a DTD nothing expands
    except (ParseError, ValueError, LookupError):
        return None


def _text(root: Element, paths: tuple[str, ...]) -> str:
    return next((text for path in paths if (text := _at(root, path.split("/")))), "")


def _at(element: Element, path: list[str]) -> str:
    """The text of the first element at the path that has one."""
    if not path:
        return " ".join((element.text or "").split())
    return next((text for child in element if _local(child) == path[0] and (text := _at(child, path[1:]))), "")


def _local(element: Element) -> str:
    """The name without its namespace: the versions of the standards differ in these."""
    return str(element.tag).rpartition("}")[2]


def _dashed(date: str) -> str:
    """20240112 as 2024-01-12."""
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == _COMPACT_DATE and date.isdigit() else date

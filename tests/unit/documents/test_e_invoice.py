"""The data of attached e-invoices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.reading.e_invoice import MAX_BYTES, e_invoice_pairs
from documents.reading.page_model import Attachment

CII = """<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice xmlns:rsm="urn:x:rsm" xmlns:ram="urn:x:ram" xmlns:udt="urn:x:udt">
  <rsm:ExchangedDocument><ram:ID>A-17</ram:ID>
    <ram:IssueDateTime><udt:DateTimeString format="102">20240203</udt:DateTimeString></ram:IssueDateTime>
  </rsm:ExchangedDocument>
  <rsm:SupplyChainTradeTransaction>
    <ram:IncludedSupplyChainTradeLineItem><ram:ID>wrong</ram:ID></ram:IncludedSupplyChainTradeLineItem>
    <ram:ApplicableHeaderTradeAgreement>
      <ram:SellerTradeParty><ram:ID>77</ram:ID><ram:Name>Ash &amp; Elm Ltd</ram:Name></ram:SellerTradeParty>
      <ram:BuyerTradeParty><ram:Name>Oak  GmbH</ram:Name></ram:BuyerTradeParty>
      <ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>B-5</ram:IssuerAssignedID></ram:BuyerOrderReferencedDocument>
    </ram:ApplicableHeaderTradeAgreement>
    <ram:ApplicableHeaderTradeSettlement>
      <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
      <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime>
        <udt:DateTimeString format="102">20240304</udt:DateTimeString>
      </ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
      <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
        <ram:LineTotalAmount>100.00</ram:LineTotalAmount><ram:GrandTotalAmount>119.00</ram:GrandTotalAmount>
        <ram:DuePayableAmount>0.00</ram:DuePayableAmount>
      </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    </ram:ApplicableHeaderTradeSettlement>
  </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""

UBL = """<Invoice xmlns="urn:x:Invoice-2" xmlns:cac="urn:x:cac" xmlns:cbc="urn:x:cbc">
  <cbc:ID>A-17</cbc:ID><cbc:IssueDate>2024-02-03</cbc:IssueDate><cbc:DueDate>2024-03-04</cbc:DueDate>
  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
  <cac:OrderReference><cbc:ID>B-5</cbc:ID></cac:OrderReference>
  <cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Ash &amp; Elm</cbc:Name></cac:PartyName>
    <cac:PartyLegalEntity><cbc:RegistrationName>Ash &amp; Elm Ltd</cbc:RegistrationName></cac:PartyLegalEntity>
  </cac:Party></cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty><cac:Party><cac:PartyName><cbc:Name>Oak GmbH</cbc:Name></cac:PartyName></cac:Party>
  </cac:AccountingCustomerParty>
  <cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="EUR">119.00</cbc:TaxInclusiveAmount></cac:LegalMonetaryTotal>
</Invoice>"""

DATA = {
    "Invoice number": "A-17",
    "Order number": "B-5",
    "Invoice date": "2024-02-03",
    "Due date": "2024-03-04",
    "Seller": "Ash & Elm Ltd",
    "Customer": "Oak GmbH",
    "Total": "119.00 EUR",
}


def data(content: str | bytes) -> dict[str, str]:
    content = content.encode() if isinstance(content, str) else content
    return {pair.key: pair.value for pair in e_invoice_pairs([Attachment("any name.xml", content)])}


@pytest.mark.parametrize("invoice", [CII, UBL, CII.replace("urn:x", "urn:y"), f"\ufeff{CII}"])
def test_the_data_of_an_invoice(invoice: str) -> None:
    assert data(invoice) == DATA


def test_a_credit_note_and_what_it_leaves_out() -> None:
    note = UBL.replace("Invoice xmlns", "CreditNote xmlns").replace("</Invoice>", "</CreditNote>")
    assert data(note.replace("<cbc:DueDate>2024-03-04</cbc:DueDate>", "")) == {
        key: value for key, value in DATA.items() if key != "Due date"
    }


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not XML at all",
        CII[:-20],
        "<html><ID>5</ID></html>",
        "<rsm:CrossIndustryInvoice xmlns:rsm='urn:x'/>",
        f'<!DOCTYPE x [<!ENTITY a "b">]>{UBL}',
        '<?xml version="1.0" encoding="no-such"?><Invoice/>',
        UBL + " " * MAX_BYTES,
    ],
)
def test_what_is_no_invoice_has_no_data(content: str) -> None:
    assert data(content) == {}


@given(st.binary(max_size=300))
def test_no_attachment_does_harm(content: bytes) -> None:
    assert data(content) == {}

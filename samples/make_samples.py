"""
Makes the sample documents, the good and the hopeless ones: `python samples/make_samples.py [FOLDER]`.

FOLDER defaults to `documents` beside this script. The same versions of the tools make the same bytes.
All companies are made up. The Greek invoice needs the font DejaVu Sans (Debian and Ubuntu: `apt install
fonts-dejavu-core`; elsewhere set DEJAVU_SANS to the path of DejaVuSans.ttf); without it the script says so,
makes the others, and exits with 1.
"""

import os
import struct
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import EncryptionMethod
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    PdfObject,
    TextStringObject,
)

DEFAULT_FOLDER = Path(__file__).with_name("documents")
MADE_ON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "example"  # noqa: S105  # the sample is there to be refused
FONT_LOCATIONS = ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/dejavu/DejaVuSans.ttf")


class FontMissingError(Exception):
    """DejaVu Sans, for the Greek invoice, is not on this machine."""


def invoice() -> bytes:
    """An invoice as most are: one "Key: value" a line."""
    pdf = _new_pdf("Invoice INV-1001")
    _heading(pdf, "INVOICE")
    _lines(
        pdf,
        "Invoice number: INV-1001",
        "Invoice date: 2026-03-02",
        "Due date: 2026-04-01",
        "Seller: Example Supplies Ltd",
        "Customer: Sample Retail GmbH",
        "",
        "10 boxes of printer paper at EUR 25.00",
        "5 toner cartridges at EUR 150.00",
        "Net amount: EUR 1,000.00",
        "VAT 19 %: EUR 190.00",
        "Total due: EUR 1,190.00",
        "",
        "Payment reference: INV-1001 / 2026",
        "Questions are answered on working days, 09:30 to 16:00, at https://billing.example.com/help.",
    )
    return _bytes(pdf)


def invoice_value_below_key() -> bytes:
    """An invoice whose layout sets the customer under its key, with other words for the same things."""
    pdf = _new_pdf("Invoice 2026/0042")
    _heading(pdf, "Invoice")
    _lines(
        pdf,
        "Invoice No.: 2026/0042",
        "Date of issue: 14 March 2026",
        "Payment due: 13 April 2026",
        "Supplier: Demo Logistics Inc.",
        "Bill to:",
        "Placeholder Foods S.A.",
        "",
        "Delivery window: 10:30 - 12:00",
        "Transport of 24 pallets, temperature 2:8 degrees (min:max)",
        "Amount due ..... : USD 2,450.75",
    )
    return _bytes(pdf)


def order_form() -> bytes:
    """A form whose answers are in its fields (AcroForm), not in the text of the page."""
    pdf = _new_pdf("Order form")
    _heading(pdf, "Order form")
    labels = ("Order number", "Order date", "Customer", "Total amount", "Express delivery")
    _lines(pdf, *labels)
    writer = PdfWriter(clone_from=BytesIO(_bytes(pdf)))
    texts = ("PO-7788", "2026-02-27", "Sample Retail GmbH", "EUR 349.90")
    fields = [_field("/Tx", labels[row], row, TextStringObject(text)) for row, text in enumerate(texts)]
    fields.append(_field("/Btn", labels[-1], len(texts), NameObject("/Yes")))
    _add_form(writer, fields)
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


def contract() -> bytes:
    """A contract of several pages, with what is asked for spread over them."""
    pdf = _new_pdf("Service contract SC-2026-07")
    _heading(pdf, "SERVICE CONTRACT")
    _lines(
        pdf,
        "Contract number: SC-2026-07",
        "Provider: Example Cloud Services Ltd",
        "Client: Sample Retail GmbH",
        "Effective date: 1 April 2026",
    )
    for number, (title, facts) in enumerate(CONTRACT_SECTIONS, 1):
        if number % 2 == 0:
            pdf.add_page()
        pdf.ln(6)
        _lines(pdf, f"{number}. {title}", *facts)
        pdf.multi_cell(0, 6, CONTRACT_PROSE * 3, new_x="LMARGIN", new_y="NEXT")
    return _bytes(pdf)


CONTRACT_SECTIONS: Sequence[tuple[str, Sequence[str]]] = (
    ("Subject", ()),
    ("Duration", ("Term: 24 months", "Notice period: 3 months to the end of a quarter")),
    ("Fees", ("Monthly fee: EUR 4,800.00",)),
    ("Service times", ("Support hours: Monday to Friday, 08:00 to 18:00",)),
    ("Confidentiality", ()),
    ("Final provisions", ("Governing law: Ireland", "Place of jurisdiction: Dublin")),
)
CONTRACT_PROSE = (
    "The parties agree that this section is to be read together with all others, in particular as follows: "
    "whatever is not mentioned here is governed by the law, and changes are valid only when made in writing. "
)


def greek_invoice() -> bytes:
    """An invoice in Greek; of its font only the letters that it uses are in the file."""
    pdf = _new_pdf("Τιμολόγιο 2026-015")
    pdf.add_font("DejaVu", fname=_find_font())
    _heading(pdf, "Τιμολόγιο", "DejaVu", style="")
    _lines(
        pdf,
        "Αριθμός τιμολογίου: 2026-015",
        "Ημερομηνία έκδοσης: 5 Μαρτίου 2026",
        "Ημερομηνία πληρωμής: 4 Απριλίου 2026",
        "Πωλητής: Παράδειγμα Εμπορική",
        "Πελάτης: Δείγμα Τρόφιμα",
        "ΣΥΝΟΛΟ: 2.480,00 €",
    )
    return _bytes(pdf)


def scan() -> bytes:
    """A page that is only an image: people can read it, programs find no text."""
    page = Image.new("1", (620, 400), 1)
    font, draw = ImageFont.load_default(28), ImageDraw.Draw(page)
    for row, text in enumerate(("Invoice number: INV-0999", "Total due: EUR 75.00", "(a scanned page)")):
        draw.text((60, 60 + 60 * row), text, font=font, fill=0)
    pdf = _new_pdf("Scan")
    pdf.image(page, x=20, y=20, w=170)
    return _bytes(pdf)


def password_protected() -> bytes:
    """A document that opens only with a password. RC4 is of old, and the one kind without random bytes."""
    pdf = _new_pdf("Confidential")
    pdf.set_encryption(
        owner_password=f"{PASSWORD}-owner", user_password=PASSWORD, encryption_method=EncryptionMethod.RC4
    )
    _lines(pdf, "Invoice number: INV-1003", "Total due: EUR 12.00")
    return _bytes(pdf)


def truncated() -> bytes:
    """An upload that was interrupted."""
    whole = invoice()
    return whole[: len(whole) * 3 // 5]


def video() -> bytes:
    """A video by its first bytes, as when the wrong file is uploaded; there is nothing to see in it."""

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + kind + content

    return box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isomiso2mp41") + box(b"mdat", bytes(480))


SAMPLES: dict[str, Callable[[], bytes]] = {
    "invoice-1001.pdf": invoice,
    "invoice-2026-0042.pdf": invoice_value_below_key,
    "order-form.pdf": order_form,
    "service-contract.pdf": contract,
    "invoice-greek.pdf": greek_invoice,
    "hopeless-scan.pdf": scan,
    "hopeless-password.pdf": password_protected,
    "hopeless-truncated.pdf": truncated,
    "hopeless-video.pdf": video,
}


def _new_pdf(title: str) -> FPDF:
    pdf = FPDF(format="A4")
    pdf.set_creation_date(MADE_ON)
    pdf.set_title(title)
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    return pdf


def _heading(pdf: FPDF, text: str, family: str = "Helvetica", style: str = "B") -> None:
    pdf.set_font(family, style=style, size=18)
    _lines(pdf, text)
    pdf.set_font(family, size=11)


def _lines(pdf: FPDF, *texts: str) -> None:
    for text in texts:
        pdf.cell(0, 9, text, new_x="LMARGIN", new_y="NEXT")


def _bytes(pdf: FPDF) -> bytes:
    return bytes(pdf.output())


def _find_font() -> Path:
    candidates = (os.environ.get("DEJAVU_SANS", ""), *FONT_LOCATIONS)
    for path in map(Path, filter(None, candidates)):
        if path.is_file():
            return path
    raise FontMissingError(
        f"DejaVu Sans is at none of {', '.join(FONT_LOCATIONS)}: install fonts-dejavu-core,"
        " or set DEJAVU_SANS to the path of DejaVuSans.ttf."
    )


def _field(kind: str, label: str, row: int, value: PdfObject) -> DictionaryObject:
    top = 785 - 25.5 * row  # that row's line of text, in points from the bottom of the page
    corners = (160, top - 18, 360, top)
    field = DictionaryObject(
        {
            NameObject("/Subtype"): NameObject("/Widget"),
            NameObject("/FT"): NameObject(kind),
            NameObject("/T"): TextStringObject(label.lower().replace(" ", "_")),
            NameObject("/TU"): TextStringObject(label),
            NameObject("/V"): value,
            NameObject("/DA"): TextStringObject("/Helv 11 Tf 0 g"),
            NameObject("/F"): NumberObject(4),
            NameObject("/Rect"): ArrayObject(FloatObject(corner) for corner in corners),
        }
    )
    if isinstance(value, NameObject):  # a check box shows the appearance of that name
        field[NameObject("/AS")] = value
    return field


def _add_form(writer: PdfWriter, fields: Sequence[DictionaryObject]) -> None:
    added = [writer.add_annotation(0, field) for field in fields]
    fonts = DictionaryObject(
        {
            NameObject(tag): DictionaryObject(
                {
                    NameObject("/Type"): NameObject("/Font"),
                    NameObject("/Subtype"): NameObject("/Type1"),
                    NameObject("/BaseFont"): NameObject(font),
                }
            )
            for tag, font in (("/Helv", "/Helvetica"), ("/ZaDb", "/ZapfDingbats"))  # as all PDF tools call them
        }
    )
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject(
        {
            NameObject("/Fields"): ArrayObject(field.indirect_reference for field in added),
            NameObject("/DR"): DictionaryObject({NameObject("/Font"): fonts}),
            NameObject("/NeedAppearances"): BooleanObject(True),
        }
    )


def main(folder: Path = DEFAULT_FOLDER) -> int:
    """Make all samples in `folder`; 1 where the font for one is missing, else 0."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = 0
    for name, make in SAMPLES.items():
        try:
            content = make()
        except FontMissingError as error:
            missing = 1
            sys.stderr.write(f"{name} was not made. {error}\n")
        else:
            (folder / name).write_bytes(content)
            sys.stdout.write(f"{folder / name}  {len(content):,} bytes\n")
    return missing


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))

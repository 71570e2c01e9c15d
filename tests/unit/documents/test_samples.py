"""The sample documents: what the script makes, what is checked in, and what the reader makes of them."""

from pathlib import Path

import pytest

from documents.answering.answers import KeyValueAnswerer, summarize
from documents.questions import load_questions, load_vocabulary
from documents.reading.extracted import ExtractedDocument
from documents.reading.reader import PdfReader
from samples import make_samples
from status_tracker import NonRetryableError

FOLDER = Path(make_samples.__file__).with_name("documents")

ANSWERS = {
    "invoice-1001.pdf": {
        "invoice_number": "INV-1001",
        "date": "2026-03-02",
        "due_date": "2026-04-01",
        "seller": "Example Supplies Ltd",
        "customer": "Sample Retail GmbH",
        "total": "EUR 1,190.00",
    },
    "invoice-2026-0042.pdf": {
        "invoice_number": "2026/0042",
        "date": "14 March 2026",
        "due_date": "13 April 2026",
        "seller": "Demo Logistics Inc.",
        "customer": "Placeholder Foods S.A.",
        "total": "USD 2,450.75",
    },
    "order-form.pdf": {
        "order_number": "PO-7788",
        "date": "2026-02-27",
        "customer": "Sample Retail GmbH",
        "total": "EUR 349.90",
    },
    "service-contract.pdf": {
        "customer": "Sample Retail GmbH",
        "contract_number": "SC-2026-07",
        "provider": "Example Cloud Services Ltd",
        "client": "Sample Retail GmbH",
        "effective_date": "1 April 2026",
        "term": "24 months",
        "notice_period": "3 months to the end of a quarter",
        "governing_law": "Ireland",
    },
    "invoice-greek.pdf": {
        "invoice_number": "2026-015",
        "date": "5 Μαρτίου 2026",
        "due_date": "4 Απριλίου 2026",
        "seller": "Παράδειγμα Εμπορική",
        "customer": "Δείγμα Τρόφιμα",
        "total": "2.480,00 €",
    },
}
REASONS = {
    "hopeless-scan.pdf": "it looks like a scan",
    "hopeless-password.pdf": "protected with a password",
    "hopeless-truncated.pdf": "cut off",
    "hopeless-video.pdf": "it looks like an MP4 video",
}


def read(content: bytes) -> ExtractedDocument | str:
    try:
        return PdfReader().read(content)
    except NonRetryableError as error:
        return str(error)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_good_document_is_answered_rightly(name: str) -> None:
    document = PdfReader().read((FOLDER / name).read_bytes())
    assert summarize(KeyValueAnswerer(load_vocabulary()).answer(document, load_questions()).answers) == ANSWERS[name]
    assert document.warnings == ()


@pytest.mark.parametrize("name", REASONS)
def test_a_hopeless_document_has_a_reason_that_a_person_understands(name: str) -> None:
    with pytest.raises(NonRetryableError, match=REASONS[name]) as refused:
        PdfReader().read((FOLDER / name).read_bytes())
    assert type(refused.value) is NonRetryableError  # Step Functions goes by the exact name


def test_the_folder_holds_the_samples_and_nothing_else() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names == set(make_samples.SAMPLES) == {*ANSWERS, *REASONS}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 50_000


@pytest.mark.parametrize("name", make_samples.SAMPLES)
def test_the_script_makes_what_is_checked_in(name: str) -> None:
    make = make_samples.SAMPLES[name]
    try:
        made = make()
    except make_samples.FontMissingError as error:
        pytest.skip(str(error))
    # Another release of zlib or of the font makes other bytes; the content is what counts.
    assert read(made) == read((FOLDER / name).read_bytes())
    assert made == make()


def test_a_missing_font_is_told_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_samples, "FONT_LOCATIONS", ())
    monkeypatch.delenv("DEJAVU_SANS", raising=False)
    assert make_samples.main(tmp_path) == 1
    assert "invoice-greek.pdf was not made" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == set(make_samples.SAMPLES) - {"invoice-greek.pdf"}

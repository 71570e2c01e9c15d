"""Answer: the second step, and with it the whole path through the three functions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import status_tracker as st
from samples import make_samples
from tests.support.pdf_files import PdfFile, text

if TYPE_CHECKING:
    from tests.handlers.support import Application, MetricsReader

SAMPLES = Path(make_samples.__file__).with_name("documents")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("invoice-1001.pdf", {"invoice_number": "INV-1001", "total": "EUR 1,190.00"}),
        ("invoice-2026-0042.pdf", {"customer": "Placeholder Foods S.A.", "total": "USD 2,450.75"}),
        ("order-form.pdf", {"order_number": "PO-7788", "total": "EUR 349.90"}),
        ("service-contract.pdf", {"term": "24 months", "governing_law": "Ireland"}),
        ("invoice-greek.pdf", {"customer": "Δείγμα Τρόφιμα", "total": "2.480,00 €"}),
    ],
)
def test_from_upload_to_answers(app: Application, metrics: MetricsReader, name: str, expected: dict[str, str]) -> None:
    task_id = app.register(name, (SAMPLES / name).read_bytes())
    app.extract(task_id)
    metrics.records()
    app.answer(task_id)
    task = app.task(task_id)
    assert task.status == 90
    assert task.data["key"] == name
    assert task.data["extracted"]["pages"] >= 1
    assert expected.items() <= task.data["answered"]["answers"].items()
    result = app.result(task.data["answered"]["result"])
    assert len(result["answers"]) == task.data["answered"]["asked"]
    for answer in result["answers"]:
        assert (answer["answer"] is None) == (answer["source"] is None) == (answer["reason"] is not None)
        assert answer["answer"] == task.data["answered"]["answers"].get(answer["id"])
    assert metrics.counts("Answer")["TaskSucceeded"] == 1


def test_what_is_not_decided_is_told_on_the_task(app: Application) -> None:
    pages = [text(f"Invoice number: A-{number}", "Customer: Ash Ltd") for number in (1, 2)]
    task_id = app.register("two.pdf", PdfFile(pages).to_bytes())
    app.extract(task_id)
    app.answer(task_id)
    data = app.task(task_id).data
    assert data["answered"]["answers"] == {"customer": "Ash Ltd"}
    assert data["answered"]["also_found"] == {"invoice_number": ["A-1", "A-2"]}
    assert data["extracted"]["warnings"] == []


def test_a_result_that_is_gone_is_told(app: Application) -> None:
    task_id = app.register("invoice.pdf", (SAMPLES / "invoice-1001.pdf").read_bytes())
    app.extract(task_id)
    address = app.task(task_id).data["extracted"]["result"]
    app.s3.delete_object(Bucket="example-results", Key=address.removeprefix("s3://example-results/"))
    with pytest.raises(st.NonRetryableError, match=r"extracted\.json is gone"):
        app.answer(task_id)
    assert app.task(task_id).status == 100


def test_a_task_that_names_no_result_is_set_aside_with_what_to_do(app: Application) -> None:
    app.tasks.ExtractTask.make_and_save("by-hand", data={}, _status=40)
    with pytest.raises(st.NonRetryableError, match="does not say where the result 'extracted' is"):
        app.answer("by-hand")


def test_a_task_that_is_not_extracted_yet_is_not_answered(app: Application) -> None:
    task_id = app.register("invoice.pdf", (SAMPLES / "invoice-1001.pdf").read_bytes())
    with pytest.raises(st.TaskIsNotReadyToStartError):
        app.answer(task_id)
    assert app.task(task_id).status == 10

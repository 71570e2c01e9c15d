"""The steps of an order, in memory: `tracker_memory` comes with status-tracker."""

import pytest
import status_tracker as st

from invoice import make_invoice
from mail import mail_invoice
from orders.tasks import InvoiceTask, MailTask

LINES = [{"quantity": 2, "cents": 250}, {"quantity": 1, "cents": 99}]

pytestmark = pytest.mark.usefixtures("tracker_memory")


def order(customer="ada@example.com", lines=LINES):
    return InvoiceTask.make_and_save("o-1", {"customer": customer, "lines": lines})


def work(task_class, do):
    with task_class.start("o-1") as ctx:
        do(ctx, {})


def test_an_order_is_invoiced_and_mailed():
    order()
    work(InvoiceTask, make_invoice)
    work(MailTask, mail_invoice)
    done = MailTask.get_one_or_none("o-1")
    assert done.status_name == "succeeded"
    assert (done.data["total_cents"], done.data["mailed_to"]) == (599, "ada@example.com")


def test_an_invoice_is_mailed_once():
    order()
    work(InvoiceTask, make_invoice)
    work(MailTask, mail_invoice)
    with pytest.raises(st.TaskAlreadySucceedError):
        work(MailTask, mail_invoice)


def test_an_empty_order_is_set_aside_at_once():
    order(lines=[])
    with pytest.raises(st.NonRetryableError):
        work(InvoiceTask, make_invoice)
    assert InvoiceTask.get_one_or_none("o-1").status_name == "ignored"


def test_a_wrong_address_is_tried_again_until_it_is_set_aside():
    order(customer="ada")
    work(InvoiceTask, make_invoice)
    for _ in range(3):
        with pytest.raises(ValueError, match="no e-mail address"):
            work(MailTask, mail_invoice)
    assert MailTask.get_one_or_none("o-1").status_name == "ignored"

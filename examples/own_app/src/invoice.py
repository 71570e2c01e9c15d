"""Lambda function: step 1, the invoice of an order."""

from status_tracker import NonRetryableError
from status_tracker_ops.steps import step_handler

from orders.tasks import PIPELINE, InvoiceTask, MailTask


def make_invoice(ctx, _event):
    if not (lines := ctx.task.data["lines"]):
        raise NonRetryableError("The order has no lines: there is nothing to pay.")  # no retry can help
    ctx.set_data({**ctx.task.data, "total_cents": sum(line["quantity"] * line["cents"] for line in lines)})


handler = step_handler(PIPELINE, InvoiceTask, make_invoice, then=MailTask)

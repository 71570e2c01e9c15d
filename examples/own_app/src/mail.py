"""Lambda function: step 2, the invoice goes to the customer."""

from status_tracker_ops.steps import queue_handler

from orders.tasks import PIPELINE, MailTask


def mail_invoice(ctx, _event):
    if "@" not in (customer := ctx.task.data["customer"]):
        raise ValueError(f"{customer!r} is no e-mail address: correct it, and run the task again.")
    ctx.set_data({**ctx.task.data, "mailed_to": customer})  # here stands the call of your mailer


handler = queue_handler(PIPELINE, MailTask, mail_invoice)

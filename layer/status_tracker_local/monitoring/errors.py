"""What the monitoring does not know how to do."""


class NotEvaluatedError(Exception):
    """Something of an alarm or a graph is not known here: it is then shown as *not evaluated*, never as OK.

    The message says what is not known.
    """

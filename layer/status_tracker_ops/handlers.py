"""What all handlers with metrics have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])


def measured(logger: Logger, metrics: Metrics) -> Callable[[HandlerT], HandlerT]:
    """Decorate a handler: each invocation begins with a logger without keys, and ends by sending its metrics."""

    def decorate(handler: HandlerT) -> HandlerT:
        sending = metrics.log_metrics(handler, capture_cold_start_metric=True)
        return cast("HandlerT", logger.inject_lambda_context(sending, clear_state=True))

    return decorate

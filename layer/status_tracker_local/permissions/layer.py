"""The layer before moto's server that refuses what the role of a request may not do."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.errors import RefusedError
from status_tracker_local.permissions.judge import Judge
from status_tracker_local.permissions.refusals import Answer, refusal
from status_tracker_local.permissions.requests import asks_of
from status_tracker_local.permissions.requests.api_request import ApiRequest

Application = Callable[..., Iterable[bytes]]


def enforce_permissions(aws: Application, judge: Judge) -> Application:
    """The WSGI application `aws`, which answers a request of a role only where its policies allow it."""

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        request = ApiRequest(environ)
        role = judge.role_of(request.access_key)
        if role is None:
            return aws(environ, start_response)
        asks = asks_of(request)
        try:
            judge.require(role, *asks)
        except RefusedError as error:
            return _answer(refusal(request, str(error)), start_response)
        listing = next((_listing(ask) for ask in asks if ask.action in _READING), None)
        if listing is None:
            return aws(environ, start_response)
        return _without_404(aws, environ, start_response, lambda: judge.require(role, listing), request)

    return application


_READING = {"s3:GetObject", "s3:GetObjectVersion"}


def _listing(reading: Ask) -> Ask:
    """The right without which S3 does not tell that an object is not there."""
    return Ask("s3:ListBucket", reading.resource.partition("/")[0])


def _without_404(
    aws: Application,
    environ: dict[str, Any],
    start_response: Callable[..., object],
    check_listing: Callable[[], None],
    request: ApiRequest,
) -> Iterable[bytes]:
    """To whoever may not list the bucket, S3 does not say whether an object is there."""
    begun: list[Any] = []

    def note(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:  # noqa: ARG001
        begun[:] = [status, headers]
        return lambda _: None

    body = aws(environ, note)
    status, headers = begun
    if status.startswith(str(HTTPStatus.NOT_FOUND.value)):
        try:
            check_listing()
        except RefusedError as error:
            return _answer(refusal(request, f"{error}. The object may also not be there"), start_response)
    start_response(status, headers)
    return body


def _answer(answer: Answer, start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response(f"{answer.status.value} {answer.status.phrase}", answer.headers)
    return [answer.body]

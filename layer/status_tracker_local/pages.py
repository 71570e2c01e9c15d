"""What the pages of the local cloud share: whom they answer, and with which headers."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from status_tracker_local.other_sites import why_refused

StartResponse = Callable[..., object]


class RefusedError(Exception):
    """A request that a page does not answer, with its HTTP status."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


def check_origin(environ: Mapping[str, Any]) -> None:
    """Refuse what another site makes a browser send, and what does not say where it comes from.

    Raises:
        RefusedError: the request is not answered.
    """
    why = why_refused(environ)
    # A browser says with every POST where it comes from; with a GET of its user's own it need not.
    if why is None and environ["REQUEST_METHOD"] != "GET" and not environ.get("HTTP_ORIGIN"):
        why = "This page answers to itself only: Origin is missing."
    if why is not None:
        raise RefusedError(HTTPStatus.FORBIDDEN, why)


def answer(
    start_response: StartResponse, status: HTTPStatus, kind: str, text: str, policy: str = "default-src 'none'"
) -> Iterable[bytes]:
    """Answer a WSGI request with a text of that content type, under that content security policy."""
    headers = [
        ("Content-Type", kind),
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    start_response(f"{status.value} {status.phrase}", headers)
    return [text.encode()]

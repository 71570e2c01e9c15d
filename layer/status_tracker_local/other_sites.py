"""Keeps other sites, which a browser on this machine has open, away from the local cloud."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PORT = re.compile(r":[0-9]+$")

Application = Callable[..., Iterable[bytes]]


def why_refused(environ: Mapping[str, Any], *, buckets: bool = False) -> str | None:
    """Why the request of a WSGI environment is not answered; None for one of this machine's own programs and pages.

    A site can have a browser send requests here, also under a name of its own that leads to this machine. The browser
    then says so, in `Host`, `Origin` or `Sec-Fetch-Site`; what is no browser sends no more than `Host`.

    Args:
        buckets: whether a bucket, or an account, may stand before the name, as in ``bucket.localhost``.
    """
    host = environ.get("HTTP_HOST", "").lower()
    name = _PORT.sub("", host)
    if name not in _LOCAL_NAMES and not (buckets and name.endswith(".localhost")):
        return "The local cloud answers at localhost only."
    if environ.get("HTTP_ORIGIN") not in {None, "", f"http://{host}"}:
        return "The local cloud answers to itself only, not to other sites."
    if environ.get("HTTP_SEC_FETCH_SITE") == "cross-site":
        return "The local cloud answers to itself only, not to what other sites link to."
    return None


def refuse_other_sites(application: Application) -> Application:
    """The WSGI application, which other sites do not reach."""

    def guarded(environ: Mapping[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        why = why_refused(environ, buckets=True)
        if why is None:
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [why.encode()]

    return guarded

"""Requests of this process to its own server, answered without a connection: no socket, and no thread for it."""

from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import MockRawResponse
from moto.core.request import normalize_request

from status_tracker_local.keep_alive import answer_of
from status_tracker_local.other_sites import Application


def answer_in_process(client: Any, application: Application) -> None:
    """Have the WSGI application answer all requests of a boto3 client, which are signed and read as any other."""

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        code, _reason, headers, body = answer_of(application, normalize_request(request).environ)
        return AWSResponse(request.url, code, HTTPHeaders.from_pairs(headers), MockRawResponse(body))

    client.meta.events.register("before-send", answer)

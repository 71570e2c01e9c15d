"""The services that the local cloud does not have: a request to one is answered with an error that says so.

Moto has mock-ups of some of them, whose answers are invented: a document would count as read that nobody has read.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from moto.cloudformation.models import Stack

from status_tracker_local.assembly import construct_path
from status_tracker_local.other_sites import Application
from status_tracker_local.permissions.requests.api_request import ApiRequest

_MISSING = {"textract": "Amazon Textract", "bedrock": "Amazon Bedrock"}
"""By the name with which requests are signed, and with which actions begin."""
_ENCRYPTING = "kms:EncryptionContext:aws:s3:"
_CODE = "NotInTheLocalCloud"


def answer_for_missing_services(aws: Application) -> Application:
    """The WSGI application `aws`, which does not see the requests to services that are missing."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        missing = _MISSING.get(ApiRequest(environ).service)
        if missing is None:
            return aws(environ, start_response)
        message = f"The local cloud has no {missing}: this request works only on AWS."
        body = json.dumps({"__type": _CODE, "message": message, "Message": message}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response("400 Bad Request", [*headers, ("x-amzn-ErrorType", _CODE)])
        return [body]

    return application


def missing_services(resources: Mapping[str, Any]) -> Iterator[str]:
    """Which resources give rights on a service that is missing, a sentence each."""
    for name, resource in resources.items():
        text = json.dumps(resource.get("Properties", {}))
        for prefix, service in _MISSING.items():
            if f'"{prefix}:' in text:
                path = construct_path(name, resource)
                yield f"The local cloud has no {service}: what {path} gives rights on fails when it is called."


def unknown_encryption(template: str) -> str | None:
    """Why a template with rights on a key by which S3 encrypts cannot be judged; None where it has no such right."""
    if _ENCRYPTING not in template:
        return None
    for name, resource in Stack.parse_template(template).get("Resources", {}).items():
        if _ENCRYPTING in json.dumps(resource):
            return (
                "The local cloud encrypts no objects with KMS keys, so it cannot judge the rights on one in "
                f"{construct_path(name, resource)} (condition {_ENCRYPTING}…). Deploy it here without the key."
            )
    return None

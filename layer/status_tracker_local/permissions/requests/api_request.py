"""A request to an AWS API, as it comes to a WSGI application."""

import io
import json
import re
import urllib.parse
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_PRESIGNED = re.compile(r"([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/([A-Za-z]+)\Z")


class ApiRequest:
    """Reads a request; its body can still be read afterwards.

    Args:
        environ: of WSGI.

    Attributes:
        access_key: by whose access key it is signed; empty for one that is not signed.
        region, service: the region, and the service by the name for signing.
        method: the HTTP method.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.access_key, self.region, self.service = self._signed()

    def _signed(self) -> tuple[str, str, str]:
        found = _CREDENTIAL.search(self._environ.get("HTTP_AUTHORIZATION", ""))
        if found is None and "X-Amz-Credential" in self.query:
            found = _PRESIGNED.match(self.query["X-Amz-Credential"])
        if found is not None:
            return found[1], found[2], found[3]
        # The old way to sign a URL in advance, which only S3 has, and which names no region.
        return self.query.get("AWSAccessKeyId", ""), "", "s3"

    @cached_property
    def path(self) -> str:
        """The path, decoded once: what stands for a slash in a key is not told from one."""
        raw = self._environ.get("RAW_URI") or self._environ.get("REQUEST_URI")
        if raw:
            return urllib.parse.unquote(
                urllib.parse.urlsplit(raw).path if raw.startswith("http") else raw.split("?")[0]
            )
        path: str = self._environ["PATH_INFO"]
        return path.encode("latin-1").decode("utf-8", "replace")

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query, also those without a value."""
        return dict(urllib.parse.parse_qsl(self._environ.get("QUERY_STRING", ""), keep_blank_values=True))

    @property
    def host(self) -> str:
        """The host that was asked, without the port."""
        host: str = self._environ.get("HTTP_HOST", "")
        return host.partition(":")[0]

    def header(self, name: str) -> str:
        """A header, empty where there is none."""
        value: str = self._environ.get(f"HTTP_{name.upper().replace('-', '_')}", "")
        return value

    @property
    def is_cbor(self) -> bool:
        """Whether it is in the protocol that has CBOR for bodies."""
        return self.header("smithy-protocol") == "rpc-v2-cbor"

    @property
    def is_form(self) -> bool:
        """Whether it is in the query protocol, where the answers are XML."""
        content_type: str = self._environ.get("CONTENT_TYPE", "")
        return content_type.startswith("application/x-www-form-urlencoded")

    @cached_property
    def operation(self) -> str:
        """The API's operation, such as ``GetItem``; empty where method and path tell it."""
        if target := self.header("x-amz-target"):
            return target.rpartition(".")[2]
        if self.is_cbor:
            found = _CBOR_PATH.search(self.path)
            return found[1] if found else ""
        return str(self.parameters.get("Action", "")) if self.is_form else ""

    @cached_property
    def body(self) -> bytes:
        """The body."""
        length = int(self._environ.get("CONTENT_LENGTH") or 0)
        body: bytes = self._environ["wsgi.input"].read(length) if length else b""
        self._environ["wsgi.input"] = io.BytesIO(body)
        return body

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The body's members, of JSON or a form; empty for others, and for what is neither."""
        if self.is_form:
            return dict(urllib.parse.parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        if self.is_cbor:
            return {}
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def account(self) -> str:
        """The account that is asked, which is the only one here."""
        return DEFAULT_ACCOUNT_ID

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of the account, in the region of the request."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def full_arn(self, given: str, resource: str) -> str:
        """What was given, where that is an ARN; else the ARN of `resource` in the service of the request."""
        return given if given.startswith("arn:") else self.arn(self.service, resource)

"""`S3Tracker`: every task a JSON object in S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn, Self

from .declared import T_ID
from .documents import DocumentTracker

_TRANSIENT_CODES = frozenset({"InternalError", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException"})
_NOT_IMPLEMENTED = 501
_SERVER_ERROR = 500


@dataclass
class S3Tracker(DocumentTracker):
    """A task whose state is a JSON object in S3, for workers anywhere::

        @dataclasses.dataclass
        class Job(S3Tracker):
            @classmethod
            def get_bucket_key(cls, id):
                return "my-bucket", f"jobs/{id}.json"

            @classmethod
            def get_s3_client(cls):
                return boto3.client("s3")

    Two workers never both enter, since every write is conditional (``If-Match``, ``If-None-Match``). A store that
    speaks S3 without knowing these must refuse them: one that ignores them is not safe.
    Needs ``s3:GetObject``, ``s3:PutObject`` and ``s3:ListBucket``.
    """

    _creates_at_once = 10  # so many connections a boto3 client has by default

    @classmethod
    def get_bucket_key(cls, id: T_ID) -> tuple[str, str]:  # noqa: A002  # the seed's name
        """Bucket and key of a task's object, to be written by the subclass: another one for each id."""
        raise NotImplementedError

    @classmethod
    def get_s3_client(cls) -> Any:
        """A boto3 client of S3, to be written by the subclass; keep one, since it is asked for at every request."""
        raise NotImplementedError

    @classmethod
    def load(cls, id: T_ID, **kwargs: Any) -> Self | None:  # noqa: A002, ARG003  # the seed's signature
        """The tracker as it is stored now; None if there is no such object.

        Raises:
            TrackerUnreadableError: the object holds something else, or another task; it was left as it is.
            botocore.exceptions.ClientError: S3 refused to answer.
        """
        found = cls._get(id)
        return None if found is None else cls._decoded(id, *found, cls._url(id))

    def dump(self, **kwargs: Any) -> None:  # noqa: ARG002  # the seed's signature
        """Store the tracker if the object is still the one this was loaded from.

        Raises:
            TrackerChangedError: it is not, or there is one though this was not loaded; nothing was stored.
            TypeError, ValueError: JSON cannot hold a field.
            NotImplementedError: the store knows no conditional writes.
            botocore.exceptions.ClientError: S3 refused to answer.
        """
        content = self._encoded()
        bucket, key = self.get_bucket_key(self.id)
        client = self.get_s3_client()
        condition = {"IfNoneMatch": "*"} if self._stamp is None else {"IfMatch": self._stamp}
        try:
            response = client.put_object(Bucket=bucket, Key=key, Body=content, **condition)
        except Exception as error:  # noqa: BLE001  # botocore's are known by their response alone, see `_code`
            stored = self._get(self.id) if _code(error) == "PreconditionFailed" else None
            if stored is None or stored[0] != content:
                self._raise_refusal(error)
            self._stamp = stored[1]  # our first request had been stored, and its answer was lost (R5)
        else:
            self._stamp = response["ETag"]

    def _raise_refusal(self, error: Exception) -> NoReturn:
        code, url = _code(error), self._url(self.id)
        if code in {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}:
            raise self._changed(url) from error
        if code == "NotImplemented" or _http_status(error) == _NOT_IMPLEMENTED:
            raise NotImplementedError(
                f"The store of {url} knows no conditional writes (If-Match, If-None-Match), so two workers could both "
                "enter: use S3 itself, or a release of that store that knows them."
            ) from error
        _explain(error, f"{url} could not be written: it needs the bucket, and s3:PutObject")
        raise error

    @classmethod
    def _get(cls, task_id: T_ID) -> tuple[bytes, str] | None:
        bucket, key = cls.get_bucket_key(task_id)
        client = cls.get_s3_client()
        try:
            response = client.get_object(Bucket=bucket, Key=key)
            return response["Body"].read(), response["ETag"]
        except Exception as error:
            if _code(error) == "NoSuchKey":
                return None
            _explain(
                error,
                f"{cls._url(task_id)} could not be read: it needs the bucket, s3:GetObject, and s3:ListBucket, without "
                "which S3 denies access to what does not exist",
            )
            raise

    @classmethod
    def _url(cls, task_id: T_ID) -> str:
        return "s3://{}/{}".format(*cls.get_bucket_key(task_id))

    @classmethod
    def is_transient(cls, error: Exception) -> bool:
        """As of `BaseTracker`, with what S3 and the network on the way to it answer."""
        if _code(error) is None:
            return _is_network(error) or super().is_transient(error)
        status = _http_status(error)
        return _code(error) in _TRANSIENT_CODES or (status >= _SERVER_ERROR and status != _NOT_IMPLEMENTED)


def _code(error: Exception) -> str | None:
    """The code of a `ClientError`; it is known by its response, so that this module imports no botocore."""
    response = getattr(error, "response", None)
    return response.get("Error", {}).get("Code", "") if isinstance(response, dict) else None


def _http_status(error: Exception) -> int:
    response = getattr(error, "response", None) or {}
    status: int = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status


def _explain(error: Exception, what: str) -> None:
    """Add to S3's own refusal what it leaves out."""
    if _code(error) is not None and _http_status(error) < _SERVER_ERROR:
        error.add_note(what)


def _is_network(error: Exception) -> bool:
    from botocore import exceptions  # noqa: PLC0415  # only users of S3 have it

    return isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError | exceptions.IncompleteReadError)

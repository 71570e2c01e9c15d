"""What DynamoDB's failures mean for whoever asked."""

from __future__ import annotations

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from pynamodb.exceptions import PynamoDBException

_TRANSIENT_CODES = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_SERVER_ERROR = 500
_NEVER_REACHED = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, SSLError)


def raw_error(error: Exception) -> BaseException:
    """Botocore's own exception behind PynamoDB's."""
    cause = error.cause if isinstance(error, PynamoDBException) and error.cause else error
    return cause.__cause__ if isinstance(cause.__cause__, ClientError) else cause


def code_of(error: BaseException) -> str:
    """The code that DynamoDB has answered with; empty where it has not answered."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else ""


def is_transient(error: BaseException) -> bool:
    """Whether the same request may be answered later; of botocore's own exception."""
    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError | BotoConnectionError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    unreadable = code_of(error).isdigit()  # of an answer that was cut off, botocore knows only the HTTP status
    return unreadable or code_of(error) in _TRANSIENT_CODES or status >= _SERVER_ERROR


def is_slow(error: BaseException) -> bool:
    """Whether a table that was reached has no time or no capacity now: no answer, a cut connection, a throttle."""
    return is_transient(error) and not isinstance(error, _NEVER_REACHED)

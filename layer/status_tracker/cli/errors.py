"""Errors, as one line and an exit code."""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn
from urllib.parse import urlsplit

import typer

from ..core.errors import StoreUnansweredError, TaskExecutionError
from .text import plain, say


class Code(enum.IntEnum):
    """The exit codes."""

    OK = 0
    NOT_ALL = 1
    USAGE = 2
    UNREACHABLE = 3
    TROUBLE = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    """Whoever reads the output has seen enough, like `head`; as of a program that the signal has ended."""


class WrongUsageError(Exception):
    """The command cannot be carried out as it was given; the message says what to give instead."""


_ACCESS = "ask for the right, or choose another identity with --profile"
_REFUSALS: Mapping[str, str] = {
    "ResourceNotFoundException": "there is no such table or index: check --table, --region and --endpoint-url",
    "AccessDeniedException": _ACCESS,
    "ExpiredTokenException": "the credentials have expired: sign in again",
    "ExpiredToken": "the credentials have expired: sign in again",
    "UnrecognizedClientException": "AWS does not know these credentials: check --profile and --region",
    "InvalidClientTokenId": "AWS does not know these credentials: check --profile",
    "InvalidSignatureException": "AWS refuses the signature: check the credentials and this machine's clock",
}
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
_UNANSWERED = {"ConnectionError", "HTTPClientError", "IncompleteReadError"}
"""What botocore's errors derive from, or are, where nobody answers."""
_BEFORE_ASKING: Mapping[str, str] = {
    "NoCredentialsError": "there are no AWS credentials: sign in, or give --profile",
    "PartialCredentialsError": "the AWS credentials are not complete: check the profile or the environment",
    "ProfileNotFound": "there is no such AWS profile: check --profile",
    "ConfigParseError": "mend that file, or name another one in AWS_CONFIG_FILE",
    "NoRegionError": "there is no AWS region: give --region, or set AWS_REGION",
    "TokenRetrievalError": "the AWS sign-in has expired: run aws sso login",
    "SSOTokenLoadError": "there is no AWS sign-in: run aws sso login",
    "UnauthorizedSSOTokenError": "the AWS sign-in has expired: run aws sso login",
}


@contextmanager
def told() -> Iterator[None]:
    """Ends the command with one line and a code if the block raises; an error of our own is passed on."""
    try:
        yield
    except WrongUsageError as error:
        _end(str(error), Code.USAGE)
    except KeyboardInterrupt:
        _end("Interrupted.", Code.INTERRUPTED)
    except StoreUnansweredError as error:
        _end(str(error), Code.UNREACHABLE)
    except TaskExecutionError as error:
        _end(str(error), Code.NOT_ALL)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to be flushed
        raise typer.Exit(int(Code.BROKEN_PIPE)) from None
    except (typer.Exit, typer.Abort):
        raise
    except ValueError as error:  # the library's: what was found, what was expected, what to do
        _end(str(error), Code.USAGE)
    except Exception as error:
        message = explained(error)
        if message is None:
            raise
        _end(message, Code.UNREACHABLE)


def explained(error: Exception) -> str | None:
    """The meaning of a backend's error; None for any other error."""
    for each in _chain(error):
        for explain in (_of_aws, _of_botocore, _of_sqlalchemy):
            if (message := explain(each)) is not None:
                return message
    return f"{type(error).__name__}: {error}" if type(error).__module__.startswith("pynamodb.") else None


def _of_aws(error: BaseException) -> str | None:
    response = getattr(error, "response", None)
    if not isinstance(response, dict) or "Error" not in response:
        return None
    code = str(response["Error"].get("Code", ""))
    if code.isdigit():
        return f"What answers is not AWS, or is broken (HTTP {code}): check --endpoint-url"
    advice = _REFUSALS.get(code)
    told_by_aws = f"AWS refuses: {code}: {response['Error'].get('Message', '')}".rstrip(". ")
    return told_by_aws if advice is None else f"{told_by_aws}: {advice}"


def _of_botocore(error: BaseException) -> str | None:
    if not type(error).__module__.startswith("botocore."):
        return None
    advice = _BEFORE_ASKING.get(type(error).__name__)
    if advice is not None:
        return f"{str(error).rstrip('.')}: {advice}"
    if type(error).__name__ == "EndpointConnectionError" and (where := _here(error)):
        return f"AWS cannot be reached: {str(error).rstrip('.')}: {where}"
    unanswered = not _UNANSWERED.isdisjoint(each.__name__ for each in type(error).__mro__)
    return f"AWS cannot be reached: {error}" if unanswered else f"AWS could not be asked: {error}"


def _here(error: BaseException) -> str:
    """What is to be done where nothing on this machine answers; empty for any other machine."""
    url = str(getattr(error, "kwargs", {}).get("endpoint_url", ""))
    if urlsplit(url).hostname not in _THIS_MACHINE:
        return ""
    return "the local cloud of this terminal has ended; source .local/env of a new one"


def _of_sqlalchemy(error: BaseException) -> str | None:
    if not type(error).__module__.startswith("sqlalchemy."):
        return None
    cause = str(getattr(error, "orig", None) or error).strip()
    told = [cause.partition(chr(10))[0], *getattr(error, "detail", ())]
    return f"The database refuses or cannot be reached: {'. '.join(told)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The original error comes first."""
    if error is None:
        return
    yield from _chain(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
    yield error


def _end(message: str, code: Code) -> NoReturn:
    say(f"Error: {plain(message)}")
    raise typer.Exit(int(code))

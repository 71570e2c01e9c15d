"""Which account and region ``make bootstrap`` prepares: ``python -m documents_stack.bootstrap [ACCOUNT] [REGION]``."""

from __future__ import annotations

import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_HOW_TO_SAY_IT = "make bootstrap ACCOUNT=123456789012 REGION=eu-central-1"


def environment_name(account: str = "", region: str = "") -> str:
    """The CDK's name of an account and region, ``aws://ACCOUNT/REGION``.

    Args:
        account: the account's id; by default the one of the credentials.
        region: the region's name; by default the one of the profile or of AWS_DEFAULT_REGION.

    Raises:
        ValueError: one of them was not given and cannot be found; says how to give it.
    """
    session = boto3.Session()
    region = region or session.region_name or ""
    if not region:
        raise ValueError(f"No region was given, and your profile has none: say for example {_HOW_TO_SAY_IT}")
    if not account:
        try:
            account = session.client("sts", region_name=region).get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            raise ValueError(
                f"Your credentials do not tell the account ({error}): log in, for example with `aws sso login`, or say "
                f"for example {_HOW_TO_SAY_IT}"
            ) from error
    return f"aws://{account}/{region}"


def main() -> None:
    """Print the name for the account and region of the arguments; empty ones are looked up."""
    try:
        sys.stdout.write(environment_name(*sys.argv[1:3]) + "\n")
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""Has CloudFormation refuse what could not work here as on AWS, before anything of the stack is deployed."""

from collections.abc import Callable
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend

from status_tracker_local.missing_services import unknown_encryption
from status_tracker_local.permissions.templates import unknown_statement

_REASONS: tuple[Callable[[str], str | None], ...] = (unknown_encryption, unknown_statement)
# What `cdk bootstrap` deploys is for the hands of whoever deploys, who may do everything here.
_OF_THE_OPERATOR = "CDKToolkit"


def refuse_templates() -> None:
    """Have CloudFormation ask, before it makes or changes a stack, whether that can be deployed."""
    for method in ("create_stack", "update_stack", "create_change_set"):
        _check_template_before(method)


def _check_template_before(method: str) -> None:
    original = getattr(CloudFormationBackend, method)

    def checked(self: CloudFormationBackend, *args: Any, **kwargs: Any) -> Any:
        texts = [text for text in (*args, *kwargs.values()) if isinstance(text, str)]
        if _OF_THE_OPERATOR not in texts and (why := _refusal(texts)):
            raise ValidationError(message=why)
        return original(self, *args, **kwargs)

    setattr(CloudFormationBackend, method, checked)


def _refusal(texts: list[str]) -> str | None:
    """Why the template among the texts cannot be deployed; None where it can."""
    return next((why for text in texts for reason in _REASONS if (why := reason(text))), None)

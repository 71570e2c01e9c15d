"""The services that the application can be set to use and the local cloud does not have.

Moto has mock-ups of some of them, whose answers are invented: a document would count as read that nobody has read.
"""

import re
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend

_MISSING = {
    "textract": ("Amazon Textract", 'reader to "pypdf"'),
    "bedrock": ("Amazon Bedrock", 'answerer to "key_values"'),
}


def refuse_missing_services() -> None:
    """Have CloudFormation refuse a stack that is given rights on one of them, before anything is deployed of it."""
    for method in ("create_stack", "update_stack", "create_change_set"):
        _check_template_before(method)


def _check_template_before(method: str) -> None:
    original = getattr(CloudFormationBackend, method)

    def checked(self: CloudFormationBackend, *args: Any, **kwargs: Any) -> Any:
        for text in (*args, *kwargs.values()):
            if isinstance(text, str) and (reason := _refusal(text)):
                raise ValidationError(message=reason)
        return original(self, *args, **kwargs)

    setattr(CloudFormationBackend, method, checked)


def _refusal(template: str) -> str | None:
    """Why the template cannot be deployed here; None where it can, and for all other texts."""
    for prefix, (service, remedy) in _MISSING.items():
        if re.search(rf"\b{prefix}:[A-Z][A-Za-z]+", template):
            return f"The local cloud has no {service}. To deploy the stage here, set its {remedy}."
    return None

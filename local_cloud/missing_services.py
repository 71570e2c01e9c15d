"""The services that the application can be set to use and the local cloud does not have.

Moto has mock-ups of some of them, whose answers are invented: a document would count as read that nobody has read.
"""

import re

_MISSING = {
    "textract": ("Amazon Textract", 'reader to "pypdf"'),
    "bedrock": ("Amazon Bedrock", 'answerer to "key_values"'),
}


def missing_service(template: str) -> str | None:
    """Why a template that gives rights on one of them cannot be deployed; None where it can, and for other texts."""
    for prefix, (service, remedy) in _MISSING.items():
        if re.search(rf"\b{prefix}:[A-Z][A-Za-z]+", template):
            return f"The local cloud has no {service}. To deploy the stage here, set its {remedy}."
    return None

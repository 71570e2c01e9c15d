"""What the application can be set to use and the local cloud does not have.

Moto has mock-ups of some of them, whose answers are invented: a document would count as read that nobody has read.
"""

import re

_MISSING = {
    r"\btextract:[A-Z][A-Za-z]": ("has no Amazon Textract", 'set its reader to "pypdf"'),
    r"\bbedrock:[A-Z][A-Za-z]": ("has no Amazon Bedrock", 'set its answerer to "key_values"'),
    r"\bkms:EncryptionContext:aws:s3:": ("encrypts no objects with KMS keys", "leave document_key_arn out"),
}
"""By what a template then has: what is missing, and how the stage does without."""


def missing_service(template: str) -> str | None:
    """Why a template that gives rights on one of them cannot be deployed; None where it can, and for other texts."""
    for pattern, (missing, remedy) in _MISSING.items():
        if re.search(pattern, template):
            return f"The local cloud {missing}. To deploy the stage here, {remedy}."
    return None

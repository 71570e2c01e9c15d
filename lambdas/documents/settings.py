"""What the environment tells the functions of the documents application; see `status_tracker_ops.settings`."""

from dataclasses import dataclass
from typing import ClassVar

from status_tracker_ops.settings import EnvironmentSettings, choice, number, price

EXTRACTED = "extracted.json"
ANSWERS = "answers.json"
ANALYSIS_JOB = "textract-job.json"
"""These are in the folder that each task has in the result bucket: what Extract has read, what Answer has answered, and
the newest job of Textract. The rights of the functions go by these names.
"""
COPIES = "analyses/"
"""The folder of the result bucket with the copies of documents that Textract reads. The bucket deletes what is left
there.
"""


@dataclass(frozen=True)
class ExtractSettings(EnvironmentSettings):
    """Where documents come from and results go, and who reads them.

    Attributes:
        STEP: the step's name: in the workflow, logs, metrics, alarms, everywhere.
        max_document_bytes: larger documents are refused.
        reader: what reads the documents.
        textract_usd_per_thousand_pages: Textract's price, for an estimate; None for none.
        unreadable_pages: what becomes of a document some pages of which cannot be read: "warn" reads the rest.
    """

    STEP: ClassVar = "Extract"

    document_bucket: str
    result_bucket: str
    max_document_bytes: int = number(at_least=1)
    reader: str = choice("pdf", "textract")
    textract_usd_per_thousand_pages: float | None = price()
    unreadable_pages: str = choice("warn", "refuse")


@dataclass(frozen=True)
class AnswerSettings(EnvironmentSettings):
    """Where Extract left its result and the answers go, and who answers; see `BedrockSettings`."""

    STEP: ClassVar = "Answer"

    result_bucket: str
    answerer: str = choice("key_values", "bedrock")


@dataclass(frozen=True)
class BedrockSettings(EnvironmentSettings):
    """Which model answers.

    Attributes:
        bedrock_max_prompt_characters: of a longer document only the beginning is given to the model.
        bedrock_usd_per_million_input_tokens, bedrock_usd_per_million_output_tokens: its prices, for an estimate; None
            for none.
    """

    bedrock_model_id: str
    bedrock_max_prompt_characters: int = number(at_least=1)
    bedrock_usd_per_million_input_tokens: float | None = price()
    bedrock_usd_per_million_output_tokens: float | None = price()

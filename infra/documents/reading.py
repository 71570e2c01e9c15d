"""What the functions of Extract and Answer need by the reader and the answerer that a stage has chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import aws_iam as iam

from infra.documents.bedrock import model_of
from infra.documents.buckets import COPIES, DocumentBuckets
from infra.documents.reading_settings import BEDROCK, TEXTRACT
from infra.documents.settings import Settings
from infra.documents.textract import ANALYSIS_FAILED
from infra.status_tracker_cdk.access import allow


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a function is told and may do besides, and after which errors its step begins anew: arguments of a step."""

    environment: Mapping[str, str] = field(default_factory=dict)
    statements: Sequence[iam.PolicyStatement] = ()
    actions_without_resource: Sequence[str] = ()
    retried_elsewhere: Sequence[str] = ()


def reader_needs(settings: Settings, buckets: DocumentBuckets) -> Needs:
    """What Extract needs; nothing for the reader in the function itself."""
    if settings.reader != TEXTRACT:
        return Needs()
    price = settings.textract_usd_per_thousand_pages
    return Needs(
        environment={"READER": TEXTRACT, **_told("TEXTRACT_USD_PER_THOUSAND_PAGES", price)},
        statements=[  # for the record of the job, and its copy of the document
            allow(["s3:GetObject"], buckets.results.arn_for_objects("*")),
            allow(["s3:ListBucket"], buckets.results.bucket_arn),
            allow(["s3:DeleteObject"], buckets.results.arn_for_objects(f"{COPIES}*")),
        ],
        actions_without_resource=["textract:AnalyzeDocument", "textract:GetDocumentAnalysis"],
        retried_elsewhere=[ANALYSIS_FAILED],
    )


def answerer_needs(settings: Settings) -> Needs:
    """What Answer needs; nothing for the answerer in the function itself."""
    if settings.answerer != BEDROCK or settings.bedrock_model_id is None:
        return Needs()
    return Needs(
        environment={
            "ANSWERER": BEDROCK,
            "BEDROCK_MODEL_ID": settings.bedrock_model_id,
            "BEDROCK_MAX_PROMPT_CHARACTERS": str(settings.bedrock_max_prompt_characters),
            **_told("BEDROCK_USD_PER_MILLION_INPUT_TOKENS", settings.bedrock_usd_per_million_input_tokens),
            **_told("BEDROCK_USD_PER_MILLION_OUTPUT_TOKENS", settings.bedrock_usd_per_million_output_tokens),
        },
        statements=model_of(settings.bedrock_model_id, settings.bedrock_regions).statements(),
    )


def _told(name: str, value: float | None) -> dict[str, str]:
    return {} if value is None else {name: str(value)}

"""The reader and the answerer that a stage chooses, and what the functions need for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import aws_iam as iam

from documents.settings import AnswerSettings, BedrockSettings, ExtractSettings
from documents_stack.bedrock import ModelError, model_of
from documents_stack.buckets import NO_RESULTS, DocumentBuckets, ResultRights
from documents_stack.textract import ANALYSIS_FAILED, RIGHTS_OF_JOBS
from status_tracker_cdk.props import Props, between

PDF, TEXTRACT = "pdf", "textract"
WARN, REFUSE = "warn", "refuse"
_FORMER = "pypdf"
KEY_VALUES, BEDROCK = "key_values", "bedrock"
# The clients in `lambdas/documents/aws.py` time out before a function with so much time does.
LEAST_STEP_SECONDS = 300
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_BEDROCK_ONLY = (
    "bedrock_model_id",
    "bedrock_model_regions",
    "bedrock_usd_per_million_input_tokens",
    "bedrock_usd_per_million_output_tokens",
)


@dataclass(frozen=True, kw_only=True)
class ReadingProps(Props):
    """The reader of documents.

    Attributes:
        max_document_bytes: larger documents are ignored, with that reason.
        reader: what reads the documents: ``pdf``, PDFium in the function itself, or ``textract``.
        unreadable_pages: ``warn`` reads the rest of a document some pages of which cannot be read, and says which on
            the task; ``refuse`` ignores it with that reason.
        textract_usd_per_thousand_pages: Textract's price, for the estimate on each task; None for no estimate.
    """

    max_document_bytes: int = between(1, 5 * 1024**4)
    reader: str = PDF
    unreadable_pages: str = WARN
    textract_usd_per_thousand_pages: float | None = between(0, 10_000, default=None)

    def conflicts(self) -> Iterator[str]:
        """An unknown reader, or a setting of one that was not chosen."""
        if self.reader not in {PDF, TEXTRACT}:
            was = f' ("{_FORMER}" is called "{PDF}" now)' if self.reader == _FORMER else ""
            yield f"reader {self.reader!r} must be {PDF} or {TEXTRACT}{was}"
        if self.unreadable_pages not in {WARN, REFUSE}:
            yield f"unreadable_pages {self.unreadable_pages!r} must be {WARN} or {REFUSE}"
        if self.unreadable_pages == REFUSE and self.has_textract:
            yield f'unreadable_pages "{REFUSE}" is for reader "{PDF}": set that, or leave it off'
        if self.reader != TEXTRACT and self.textract_usd_per_thousand_pages is not None:
            yield f'textract_usd_per_thousand_pages is for reader "{TEXTRACT}": set that, or leave it off'

    @property
    def has_textract(self) -> bool:
        """Whether Textract was chosen."""
        return self.reader == TEXTRACT

    def settings(self, buckets: DocumentBuckets) -> ExtractSettings:
        """What Extract reads from its environment."""
        return ExtractSettings(
            document_bucket=buckets.documents.bucket_name,
            result_bucket=buckets.results.bucket_name,
            max_document_bytes=self.max_document_bytes,
            reader=self.reader,
            unreadable_pages=self.unreadable_pages,
            textract_usd_per_thousand_pages=self.textract_usd_per_thousand_pages,
        )


@dataclass(frozen=True, kw_only=True)
class AnsweringProps(Props):
    """The answerer of questions.

    Attributes:
        answerer: what answers the questions, ``key_values`` or ``bedrock``.
        bedrock_model_id: the model on Bedrock, or its inference profile, by id or ARN.
        bedrock_model_regions: the regions that an inference profile sends requests to, such as us-east-1,us-west-2.
        bedrock_usd_per_million_input_tokens: its price, for the estimate on each task; None for no estimate.
        bedrock_usd_per_million_output_tokens: likewise.
        bedrock_max_prompt_characters: a longer document is cut to this length.
        answer_memory_mb: memory of Answer's function; None gives it that of the other steps.
    """

    answerer: str = KEY_VALUES
    answer_memory_mb: int | None = between(128, 10240, default=None)
    bedrock_model_id: str | None = None
    bedrock_model_regions: str | None = None
    bedrock_usd_per_million_input_tokens: float | None = between(0, 10_000, default=None)
    bedrock_usd_per_million_output_tokens: float | None = between(0, 10_000, default=None)
    bedrock_max_prompt_characters: int = between(1_000, 5_000_000, default=200_000)

    def conflicts(self) -> Iterator[str]:
        """An unknown answerer, or a model that is missing, not supported or not chosen."""
        if self.answerer not in {KEY_VALUES, BEDROCK}:
            yield f"answerer {self.answerer!r} must be {KEY_VALUES} or {BEDROCK}"
        if self.has_bedrock:
            yield from self._model_problems()
        else:
            yield from (
                f'{name} is for answerer "{BEDROCK}": set that, or leave it off'
                for name in _BEDROCK_ONLY
                if getattr(self, name) is not None
            )

    def _model_problems(self) -> Iterator[str]:
        if self.bedrock_model_id is None:
            yield f'answerer "{BEDROCK}" needs bedrock_model_id, the id or ARN of a model or of an inference profile'
            return
        prices = (self.bedrock_usd_per_million_input_tokens, self.bedrock_usd_per_million_output_tokens)
        if (prices[0] is None) != (prices[1] is None):
            yield "bedrock_usd_per_million_input_tokens and bedrock_usd_per_million_output_tokens come together"
        yield from (
            f"bedrock_model_regions has {region!r}: names of regions are wanted, as in us-east-1,us-west-2"
            for region in self.regions
            if not _REGION.fullmatch(region)
        )
        try:
            model_of(self.bedrock_model_id, self.regions)
        except ModelError as error:
            yield str(error)

    @property
    def has_bedrock(self) -> bool:
        """Whether Bedrock was chosen."""
        return self.answerer == BEDROCK

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions of `bedrock_model_regions`, one by one."""
        return tuple(region.strip() for region in (self.bedrock_model_regions or "").split(",") if region.strip())

    def settings(self, buckets: DocumentBuckets) -> AnswerSettings:
        """What Answer reads from its environment with any answerer."""
        return AnswerSettings(result_bucket=buckets.results.bucket_name, answerer=self.answerer)


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Extra environment, permissions and retries for a step."""

    environment: Mapping[str, str] = field(default_factory=dict)
    statements: Sequence[iam.PolicyStatement] = ()
    results: ResultRights = NO_RESULTS
    actions_without_resource: Sequence[str] = ()
    retried_elsewhere: Sequence[str] = ()


def reader_needs(props: ReadingProps) -> Needs:
    """What Extract needs for its reader; nothing for PDFium, which runs in the function."""
    if not props.has_textract:
        return Needs()
    return Needs(
        results=RIGHTS_OF_JOBS,
        # It starts a job itself in executions that are older than the choice of Textract.
        actions_without_resource=[
            "textract:AnalyzeDocument",
            "textract:GetDocumentAnalysis",
            "textract:StartDocumentAnalysis",
        ],
        retried_elsewhere=[ANALYSIS_FAILED],
    )


def answerer_needs(props: AnsweringProps) -> Needs:
    """What Answer needs for its answerer; nothing for key_values, which runs in the function."""
    if not props.has_bedrock or props.bedrock_model_id is None:
        return Needs()
    settings = BedrockSettings(
        bedrock_model_id=props.bedrock_model_id,
        bedrock_max_prompt_characters=props.bedrock_max_prompt_characters,
        bedrock_usd_per_million_input_tokens=props.bedrock_usd_per_million_input_tokens,
        bedrock_usd_per_million_output_tokens=props.bedrock_usd_per_million_output_tokens,
    )
    model = model_of(props.bedrock_model_id, props.regions)
    return Needs(environment=settings.to_environment(), statements=model.statements())

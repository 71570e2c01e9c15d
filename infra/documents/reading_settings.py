"""What must fit together in the settings of who reads the documents and who answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from infra.documents.bedrock import ModelError, model_of

if TYPE_CHECKING:
    from infra.documents.settings import Settings

PYPDF, TEXTRACT = "pypdf", "textract"
KEY_VALUES, BEDROCK = "key_values", "bedrock"
# The patience of their clients, as `lambdas/documents/aws.py` has it, ends before the function's time does.
LEAST_STEP_SECONDS = 300
# Each wait for a job is longer than the one before by as much: an analysis of a minute is polled 5 times, one of an
# hour 38 times, and the last of the waits ends after two hours. So many documents at once stay within Textract's quota.
LONGER_BY_SECONDS = 5
LONGEST_WAIT_SECONDS = 270
ANALYSIS_SECONDS = sum(range(LONGER_BY_SECONDS, LONGEST_WAIT_SECONDS + 1, LONGER_BY_SECONDS))
# The start of a job, while Textract has no room for it; half the waits, since chance shortens each.
START_TRIES = 300
START_MAX_SECONDS = 120
START_SECONDS = START_TRIES * START_MAX_SECONDS // 2
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_BEDROCK_ONLY = (
    "bedrock_model_id",
    "bedrock_model_regions",
    "bedrock_usd_per_million_input_tokens",
    "bedrock_usd_per_million_output_tokens",
)


def reading_problems(settings: Settings) -> Iterator[str]:
    """Everything that is wrong with them."""
    if settings.reader not in {PYPDF, TEXTRACT}:
        yield f"reader {settings.reader!r} must be {PYPDF} or {TEXTRACT}"
    if settings.answerer not in {KEY_VALUES, BEDROCK}:
        yield f"answerer {settings.answerer!r} must be {KEY_VALUES} or {BEDROCK}"
    if settings.reader != TEXTRACT and settings.textract_usd_per_thousand_pages is not None:
        yield f'textract_usd_per_thousand_pages is for reader "{TEXTRACT}": set that, or leave it off'
    services = (settings.reader == TEXTRACT, settings.answerer == BEDROCK)
    if any(services) and settings.step_timeout_seconds < LEAST_STEP_SECONDS:
        yield (
            f"step_timeout_seconds ({settings.step_timeout_seconds}) must be at least {LEAST_STEP_SECONDS} with "
            f'reader "{TEXTRACT}" or answerer "{BEDROCK}", which take longer'
        )
    if settings.answerer == BEDROCK:
        yield from _model_problems(settings)
    else:
        yield from (
            f'{name} is for answerer "{BEDROCK}": set that, or leave it off'
            for name in _BEDROCK_ONLY
            if getattr(settings, name) is not None
        )


def _model_problems(settings: Settings) -> Iterator[str]:
    if settings.bedrock_model_id is None:
        yield f'answerer "{BEDROCK}" needs bedrock_model_id, the id or ARN of a model or of an inference profile'
        return
    prices = (settings.bedrock_usd_per_million_input_tokens, settings.bedrock_usd_per_million_output_tokens)
    if (prices[0] is None) != (prices[1] is None):
        yield "bedrock_usd_per_million_input_tokens and bedrock_usd_per_million_output_tokens come together"
    yield from (
        f"bedrock_model_regions has {region!r}: names of regions are wanted, as in us-east-1,us-west-2"
        for region in settings.bedrock_regions
        if not _REGION.fullmatch(region)
    )
    try:
        model_of(settings.bedrock_model_id, settings.bedrock_regions)
    except ModelError as error:
        yield str(error)

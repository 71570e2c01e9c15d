"""The answerer that the settings choose; Bedrock's modules are imported where it is that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from documents.answering.answers import KeyValueAnswerer

if TYPE_CHECKING:
    from documents.answering.answers import Answerer
    from documents.settings import AnswerSettings
    from status_tracker import BaseTask


def choose_answerer(settings: AnswerSettings, task: BaseTask) -> Answerer:
    """The answerer for one attempt at `task`."""
    if settings.answerer != "bedrock":
        return KeyValueAnswerer()
    from documents.answering.bedrock_answerer import BedrockAnswerer  # noqa: PLC0415
    from documents.aws import bedrock_client  # noqa: PLC0415 - see above
    from documents.settings import BedrockSettings  # noqa: PLC0415

    return BedrockAnswerer(bedrock_client(), BedrockSettings.from_environment(), failures=task.retry)

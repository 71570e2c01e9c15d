"""What has become of the uploaded documents, read through the library by the keys of their tasks."""

import ast
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.deployment import App

if TYPE_CHECKING:
    from status_tracker import BaseTask
    from status_tracker.operations.pipeline import Pipeline

CHECKOUT = Path(__file__).parents[1]
STACK = "status-tracker-local"
# What the models of the tasks read from the environment when they are imported.
_MODEL_VARIABLES = ("USE_CASE_ID", "TASK_TABLE_NAME", "MAX_ATTEMPTS")
_EXCEPTION = re.compile(r"\w+\((.*)\)", re.DOTALL)


@dataclass
class Document:
    """An uploaded document and what is known of its task.

    Attributes:
        key: the object's key in the bucket.
        task_id: the key and the ETag.
        uploaded: when it was uploaded, `time.monotonic`.
        step: the step that it is in.
        status: the status in that step; "uploaded" until the task exists.
        attempts: how often the work was tried: once, and once more after each failure.
        reasons: why attempts have failed, in their order.
        answers: the answers found, by the id of the question.
        also_found: the values found where several were equally right, so that there is no answer.
        warnings: what is missing or unreadable in it.
        pages: how many it has; None until it was read.
        seconds: from the upload to its end, or until now.
        ended: whether nothing more will happen to it by itself.
    """

    key: str
    task_id: str
    uploaded: float = field(default_factory=time.monotonic)
    step: str = "Intake"
    status: str = "uploaded"
    attempts: int = 0
    reasons: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    also_found: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    pages: int | None = None
    seconds: float = 0.0
    ended: bool = False

    @property
    def last_reason(self) -> str:
        """Why the last failed attempt failed; empty when none has."""
        return self.reasons[-1] if self.reasons else ""

    @property
    def accounted_for(self) -> bool:
        """Whether it has succeeded, or was set aside with a reason that can be shown."""
        return self.ended and (self.status == "succeeded" or bool(self.last_reason))


def deploy(cloud: LocalCloud) -> None:
    """Deploy the documents application, its stage ``local``."""
    cloud.deploy(App(CHECKOUT, context={"stage": "local"}))


class Tracker:
    """Reads the tasks of documents. The application must have been deployed to `cloud`.

    Attributes:
        task_class: the model of the items, which is the same in every step.
    """

    def __init__(self, cloud: LocalCloud) -> None:
        os.environ.update({**cloud.environment, **_model_variables(cloud)})
        from documents.tasks import PIPELINE  # noqa: PLC0415 - importing it reads the table's name

        self._pipeline = PIPELINE
        self.task_class: type[BaseTask] = PIPELINE.first.task_class

    def refresh(self, documents: Iterable[Document]) -> None:
        """Bring what is known of the documents up to date; those that have ended are left alone."""
        unfinished = {self.task_class.make_key(each.task_id): each for each in documents if not each.ended}
        for task in self.task_class.batch_get(list(unfinished)):
            self._update(unfinished[task.key], task)
        for document in unfinished.values():
            document.seconds = time.monotonic() - document.uploaded

    def _update(self, document: Document, task: "BaseTask") -> None:
        document.step, document.status, document.ended = locate(task.status, self._pipeline)
        history = task.errors["history"]
        document.reasons = [plain_reason(entry["error"]) for entry in history]
        document.attempts = len(history) + (document.status in {"in_progress", "succeeded"})
        extracted, answered = task.data.get("extracted", {}), task.data.get("answered", {})
        document.pages, document.warnings = extracted.get("pages"), extracted.get("warnings", [])
        document.answers, document.also_found = answered.get("answers", {}), answered.get("also_found", {})


def locate(code: int, pipeline: "Pipeline") -> tuple[str, str, bool]:
    """The step and the status that a code stands for, and whether nothing more will happen by itself.

    A code that is the succeeded of a step and the pending of the next one stands for the former.

    Raises:
        ValueError: no step has such a status.
    """
    meanings = pipeline.meanings(code)
    if not meanings:
        raise ValueError(f"A task has the status {code}, and no step has such a status.")
    step, status = meanings[0]
    return step, status, pipeline.is_ended(code)


def count_by_status(documents: Sequence[Document]) -> Mapping[str, int]:
    """How many documents have which status, the most frequent first."""
    return dict(Counter(document.status for document in documents).most_common())


def plain_reason(error: str) -> str:
    """The message of an exception that is recorded as its `repr`, or all of that when it has no message."""
    match = _EXCEPTION.fullmatch(error)
    try:
        message = ast.literal_eval(match[1]) if match else None
    except (ValueError, SyntaxError):
        message = None
    return message if isinstance(message, str) else error


def _model_variables(cloud: LocalCloud) -> dict[str, str]:
    """The functions' own settings: the tasks are then read by exactly the names they were written with."""
    functions: list[dict[str, Any]] = cloud.client("lambda").list_functions()["Functions"]
    variables = [function.get("Environment", {}).get("Variables", {}) for function in functions]
    settings = next(each for each in variables if all(name in each for name in _MODEL_VARIABLES))
    return {name: settings[name] for name in _MODEL_VARIABLES}

"""The steps that a document goes through."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam

from documents.settings import ANSWERS, EXTRACTED, AnswerSettings, ExtractSettings
from documents_stack.buckets import DocumentBuckets, ResultRights, of_every_task
from documents_stack.reading import Needs, answerer_needs, reader_needs
from documents_stack.settings import Settings
from documents_stack.textract import TextractAnalysis
from status_tracker_cdk import TrackedStep, Tracker
from status_tracker_ops.settings import EnvironmentSettings


class DocumentSteps:
    """Adds the steps to `tracker`.

    Attributes:
        steps: the steps in their order.
    """

    def __init__(self, tracker: Tracker, *, settings: Settings, buckets: DocumentBuckets) -> None:
        self._tracker, self._settings, self._buckets = tracker, settings, buckets
        self.steps = [self._extract(), self._answer()]

    def _extract(self) -> TrackedStep:
        settings = self._settings.reading.settings(self._buckets)
        extract = self._step(
            ExtractSettings.STEP,
            settings,
            ResultRights(writes=[of_every_task(EXTRACTED)]),
            reader_needs(self._settings.reading),
            statements=self._buckets.allow_reading_documents(),
        )
        self._buckets.accept_reading_documents(extract)
        if self._settings.reading.has_textract:
            TextractAnalysis(
                self._tracker,
                "Analysis",
                settings=settings,
                buckets=self._buckets,
                step=extract,
            )
        return extract

    def _answer(self) -> TrackedStep:
        return self._step(
            AnswerSettings.STEP,
            self._settings.answering.settings(self._buckets),
            ResultRights(reads=[of_every_task(EXTRACTED)], writes=[of_every_task(ANSWERS)]),
            answerer_needs(self._settings.answering),
            memory_mb=self._settings.answering.answer_memory_mb,
        )

    def _step(
        self,
        name: str,
        settings: EnvironmentSettings,
        results: ResultRights,
        needs: Needs = Needs(),  # noqa: B008 - it is frozen
        *,
        statements: Sequence[iam.PolicyStatement] = (),
        memory_mb: int | None = None,
    ) -> TrackedStep:
        """The step of that name, whose handler is in the module of that name."""
        of_results = (results, needs.results)
        props = self._settings.steps
        step = self._tracker.step(
            name,
            handler=f"{name.lower()}.handler",
            timeout=Duration.seconds(props.step_timeout_seconds),
            memory_mb=memory_mb or props.step_memory_mb,
            reserved_concurrency=props.step_reserved_concurrency,
            environment={**settings.to_environment(), **needs.environment},
            allow=[
                *(statement for rights in of_results for statement in self._buckets.allow_results(rights)),
                *statements,
                *needs.statements,
            ],
            actions_without_resource=needs.actions_without_resource,
            retried_elsewhere=needs.retried_elsewhere,
        )
        for rights in of_results:
            self._buckets.accept_results(step, rights)
        return step

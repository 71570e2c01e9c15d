"""The steps that a document goes through."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from documents.settings import AnswerSettings, ExtractSettings
from infra.documents.buckets import COPIES, COPIES_REASON, DocumentBuckets
from infra.documents.reading import Needs, answerer_needs, reader_needs
from infra.documents.settings import Settings
from infra.documents.textract import TextractAnalysis
from infra.status_tracker_cdk.access import acknowledge, allow, objects_finding
from infra.status_tracker_cdk.functions import FunctionCommons
from infra.status_tracker_cdk.table import TaskTable
from infra.status_tracker_cdk.workflow import TrackedStep
from status_tracker_ops.settings import EnvironmentSettings


class DocumentSteps:
    """Makes the steps in `scope`.

    Attributes:
        steps: the steps in their order.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        commons: FunctionCommons,
        table: TaskTable,
        buckets: DocumentBuckets,
    ) -> None:
        self._scope = scope
        self._settings = settings
        self._commons = commons
        self._table = table
        self._buckets = buckets
        self.steps = [self._extract(), self._answer()]

    def _extract(self) -> TrackedStep:
        documents, results = self._buckets.documents, self._buckets.results
        settings = self._settings.reading.settings(self._buckets)
        extract = self._step(
            ExtractSettings.STEP,
            settings,
            [
                *self._buckets.may_read_documents,
                # Without it S3 answers 403, not 404, for an object that is gone; so with the results below.
                allow(["s3:ListBucket"], documents.bucket_arn),
                allow(["s3:PutObject"], results.arn_for_objects("*")),
            ],
            reader_needs(self._settings.reading, self._buckets),
        )
        acknowledge(extract, objects_finding(documents), "Documents are uploaded under keys of the users' choosing.")
        if self._settings.reading.has_textract:
            TextractAnalysis(
                self._scope,
                "Analysis",
                commons=self._commons,
                props=self._settings.steps,
                settings=settings,
                table=self._table,
                buckets=self._buckets,
                step=extract,
            )
            acknowledge(extract, objects_finding(results, COPIES), COPIES_REASON)
        return extract

    def _answer(self) -> TrackedStep:
        return self._step(
            AnswerSettings.STEP,
            self._settings.answering.settings(self._buckets),
            self._results_may_be_read_and_written(),
            answerer_needs(self._settings.answering),
        )

    def _results_may_be_read_and_written(self) -> list[iam.PolicyStatement]:
        results = self._buckets.results
        return [
            allow(["s3:GetObject", "s3:PutObject"], results.arn_for_objects("*")),
            allow(["s3:ListBucket"], results.bucket_arn),
        ]

    def _step(
        self,
        name: str,
        settings: EnvironmentSettings,
        statements: Sequence[iam.PolicyStatement],
        needs: Needs = Needs(),  # noqa: B008 - it is frozen
    ) -> TrackedStep:
        """The step of that name, which updates its task, and whose handler is in the module of that name."""
        step = TrackedStep(
            self._scope,
            name,
            commons=self._commons,
            props=self._settings.steps,
            handler=f"{name.lower()}.handler",
            environment={**settings.to_environment(), **needs.environment},
            statements=[self._table.allow_items("GetItem", "UpdateItem"), *statements, *needs.statements],
            actions_without_resource=needs.actions_without_resource,
            retried_elsewhere=needs.retried_elsewhere,
        )
        acknowledge(step, objects_finding(self._buckets.results), "Results have a key of their own for every task.")
        return step

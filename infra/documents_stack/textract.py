"""Waiting for Amazon Textract: documents of several pages are analysed before the step is tried.

    StartAnalysis ─► IsAnalysisBegun ─► WaitForAnalysis ─► CheckAnalysis ─► IsAnalysisOver ─► the step
          ▲                 └─ no ─► the step    ▲              └─ error ─► the step │
          │                                      └───────── WaitLonger ◄── no ───────┘
    StartAnalysisAgain ◄── AnalysisFailedError ── the step

These states never change the task: whatever happens, they go on to the step, whose attempt the tracker records. The
attempt's lease covers none of the waiting.
"""

from __future__ import annotations

from dataclasses import replace

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from documents.settings import ANALYSIS_JOB, COPIES, ExtractSettings
from documents_stack.buckets import DocumentBuckets, ResultRights, of_every_task
from status_tracker_cdk import HandlerFunction, RetryProps, StepProps, TrackedStep, Tracker
from status_tracker_cdk.retries import ANSWER_GRACE_SECONDS, PAUSED, SERVICE_FAULTS

ANALYSIS_FAILED = "AnalysisFailedError"
SERVICE_BUSY = "ServiceBusyError"

# Each wait for a job is longer than the one before by so much: an analysis of a minute is polled 5 times, one of an
# hour 38 times, and the waits end after two hours. This keeps many documents at once within Textract's quota.
LONGER_BY_SECONDS = 5
LONGEST_WAIT_SECONDS = 270
ANALYSIS_SECONDS = sum(range(LONGER_BY_SECONDS, LONGEST_WAIT_SECONDS + 1, LONGER_BY_SECONDS))
# Retries of the start while Textract is busy. Full jitter halves the waits on average.
START_TRIES = 300
START_MAX_SECONDS = 120
START_SECONDS = START_TRIES * START_MAX_SECONDS // 2

# While Extract is paused: with as many tries, and half of each wait, about as long as an execution lives.
_PAUSED_MAX_SECONDS = 600
_CHECK_TRIES = 5
_JOB, _WAIT, _STATUS = "$.analysis.job_id", "$.analysis.wait", "$.analysis.check.status"
_RECORD_AND_COPIES = (of_every_task(ANALYSIS_JOB), f"{COPIES}*")
RIGHTS_OF_JOBS = ResultRights(reads=_RECORD_AND_COPIES, writes=_RECORD_AND_COPIES, deletes=[f"{COPIES}*"])
"""What whoever starts jobs of Textract may do in the result bucket. Textract reads the copy with the caller's rights.
"""


class TextractAnalysis(Construct):
    """Starts the analysis and waits for it before `step`, whose handler reads the result.

    Args:
        tracker: that of the step.
        settings: those of the step; the function that starts the analysis reads them too, except for the price.

    Attributes:
        function: the function that starts the analysis.
    """

    def __init__(
        self,
        tracker: Tracker,
        construct_id: str,
        *,
        settings: ExtractSettings,
        buckets: DocumentBuckets,
        step: TrackedStep,
    ) -> None:
        super().__init__(tracker, construct_id)
        retries = tracker.commons.retries
        self.function = self._function(tracker, step.props, settings, buckets).function
        start = self._start(retries, step.props)
        start.add_catch(step.state, errors=["States.ALL"], result_path=sfn.JsonPath.DISCARD)
        begun = sfn.Choice(self, "Begun", state_name="IsAnalysisBegun")
        begun.when(sfn.Condition.is_string(_JOB), self._polling(step)).otherwise(step.state)
        again = sfn.Wait(
            self,
            "Again",
            state_name="StartAnalysisAgain",
            time=sfn.WaitTime.duration(retries.longest),
        )
        again.next(start.next(begun))
        step.state.add_catch(again, errors=[ANALYSIS_FAILED], result_path=sfn.JsonPath.DISCARD)
        step.begin_with(start, helpers={"StartAnalysis": self.function}, actions=["textract:GetDocumentAnalysis"])

    def _function(
        self, tracker: Tracker, props: StepProps, settings: ExtractSettings, buckets: DocumentBuckets
    ) -> HandlerFunction:
        function = HandlerFunction(
            self,
            "Start",
            commons=tracker.commons,
            handler="start_analysis.handler",
            environment=replace(settings, textract_usd_per_thousand_pages=None).to_environment(),
            statements=[
                tracker.table.allow_items("GetItem"),
                *buckets.allow_reading_documents(),
                *buckets.allow_results(RIGHTS_OF_JOBS),
            ],
            actions_without_resource=["textract:StartDocumentAnalysis", "textract:GetDocumentAnalysis"],
            timeout_seconds=props.step_timeout_seconds,
            memory_mb=props.step_memory_mb,
        )
        buckets.accept_reading_documents(function)
        buckets.accept_results(function, RIGHTS_OF_JOBS)
        return function

    def _start(self, retries: RetryProps, props: StepProps) -> tasks.LambdaInvoke:
        start = tasks.LambdaInvoke(
            self,
            "Invoke",
            state_name="StartAnalysis",
            lambda_function=self.function,
            result_selector={"job_id.$": "$.Payload.job_id", "wait": LONGER_BY_SECONDS},
            result_path="$.analysis",
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(Duration.seconds(props.step_timeout_seconds + ANSWER_GRACE_SECONDS)),
        )
        # A busy Textract is waited for here, where waiting does not use up the task's attempts.
        start.add_retry(
            errors=[SERVICE_BUSY, "Lambda.TooManyRequestsException", *SERVICE_FAULTS],
            interval=Duration.seconds(min(retries.retry_interval_seconds, START_MAX_SECONDS // 2)),
            max_delay=Duration.seconds(START_MAX_SECONDS),
            backoff_rate=2,
            max_attempts=START_TRIES,
            jitter_strategy=sfn.JitterType.FULL,
        )
        start.add_retry(
            errors=[PAUSED],
            interval=Duration.seconds(min(retries.retry_interval_seconds, _PAUSED_MAX_SECONDS // 2)),
            max_delay=Duration.seconds(_PAUSED_MAX_SECONDS),
            backoff_rate=2,
            max_attempts=START_TRIES,
            jitter_strategy=sfn.JitterType.FULL,
        )
        start.add_retry(errors=["States.ALL"], interval=retries.interval, backoff_rate=2, max_attempts=3)
        return start

    def _polling(self, step: TrackedStep) -> sfn.IChainable:
        wait = sfn.Wait(self, "Wait", state_name="WaitForAnalysis", time=sfn.WaitTime.seconds_path(_WAIT))
        check = tasks.CallAwsService(
            self,
            "Check",
            state_name="CheckAnalysis",
            service="textract",
            action="getDocumentAnalysis",
            parameters={"JobId": sfn.JsonPath.string_at(_JOB), "MaxResults": 1},
            iam_resources=["*"],
            result_selector={"status.$": "$.JobStatus"},
            result_path="$.analysis.check",
        )
        check.add_retry(
            errors=["States.ALL"],
            interval=Duration.seconds(LONGER_BY_SECONDS),
            max_delay=Duration.seconds(START_MAX_SECONDS),
            backoff_rate=2,
            max_attempts=_CHECK_TRIES,
            jitter_strategy=sfn.JitterType.FULL,
        )
        check.add_catch(step.state, errors=["States.ALL"], result_path=sfn.JsonPath.DISCARD)
        longer = sfn.Pass(
            self,
            "Longer",
            state_name="WaitLonger",
            parameters={"job_id.$": _JOB, "wait.$": f"States.MathAdd({_WAIT}, {LONGER_BY_SECONDS})"},
            result_path="$.analysis",
        )
        going_on = sfn.Condition.and_(
            sfn.Condition.string_equals(_STATUS, "IN_PROGRESS"),
            sfn.Condition.number_less_than(_WAIT, LONGEST_WAIT_SECONDS),
        )
        over = sfn.Choice(self, "Over", state_name="IsAnalysisOver")
        wait.next(check).next(over.when(going_on, longer.next(wait)).otherwise(step.state))
        return wait

"""Queries over the logs, saved in CloudWatch Logs Insights under the stack's name."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_logs as logs
from constructs import Construct

from status_tracker_cdk.monitoring.metrics import Watched

A_TASK_ID = "PUT-THE-TASK-ID-HERE"
# The functions log these fields; Logs Insights adds those that begin with @.
QUERIES: Mapping[str, logs.QueryString] = {
    "Failures by error": logs.QueryString(
        filter_statements=['outcome in ["TaskFailed", "TaskIgnored"]'],
        stats_statements=[
            "count(*) as attempts, count_distinct(task_id) as tasks, latest(error) as last_error, "
            "latest(task_id) as last_task by step, outcome, error_class"
        ],
        sort="attempts desc",
    ),
    "Story of one task": logs.QueryString(
        fields=[
            "@timestamp, step, message, run, attempt, fence, outcome, error, vanished, refusal, reason, why, started, "
            "function_name, @logStream"
        ],
        filter_statements=[f'task_id = "{A_TASK_ID}"'],
        sort="@timestamp asc",
        limit=1000,
    ),
    "Slowest attempts": logs.QueryString(
        fields=["@timestamp, step, task_id, run, attempt, outcome, milliseconds"],
        filter_statements=["ispresent(milliseconds)"],
        sort="milliseconds desc",
        limit=100,
    ),
    "Takeovers": logs.QueryString(
        fields=["@timestamp, step, task_id, run, attempt, fence, vanished"],
        filter_statements=["ispresent(vanished)"],
        sort="@timestamp desc",
        limit=1000,
    ),
    "Refused starts by reason": logs.QueryString(
        filter_statements=["ispresent(refusal)"],
        stats_statements=[
            "count(*) as starts, count_distinct(task_id) as tasks, latest(reason) as last_reason, "
            "latest(task_id) as last_task by step, refusal"
        ],
        sort="starts desc",
    ),
    "Cold starts": logs.QueryString(
        filter_statements=['@type = "REPORT"'],
        stats_statements=[
            "count(*) as invocations, count(@initDuration) as cold_starts, pct(@initDuration, 50) as init_p50, "
            "pct(@initDuration, 95) as init_p95, max(@maxMemoryUsed) / 1000000 as most_memory_mb by @log"
        ],
        sort="cold_starts desc",
    ),
    "Killed invocations": logs.QueryString(
        fields=["@timestamp, @log, @message"],
        filter_statements=["@message like /Task timed out|Runtime exited|Runtime.ExitError|OutOfMemory/"],
        sort="@timestamp desc",
        limit=1000,
    ),
    "Bad messages": logs.QueryString(
        fields=["@timestamp, message_id, reason, body"],
        filter_statements=['message = "Message refused"'],
        sort="@timestamp desc",
        limit=1000,
    ),
}


class Queries(Construct):
    """Saves each of the `QUERIES` over the logs of every function, in a folder with the name of `watched`."""

    def __init__(self, scope: Construct, construct_id: str, *, watched: Watched) -> None:
        super().__init__(scope, construct_id)
        groups = [function.log_group for function in watched.all_functions.values()]
        for name, query in QUERIES.items():
            logs.QueryDefinition(
                self,
                name.title().replace(" ", ""),
                query_definition_name=f"{watched.name}/{name}",
                query_string=query,
                log_groups=groups,
            )

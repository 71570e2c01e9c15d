"""Addresses in the AWS console where more is known of a task."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from status_tracker_ops.executions import execution_name

_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
_LONGEST_URL = 8_000
_AROUND = timedelta(minutes=15)


@dataclass(frozen=True)
class Links:
    """The links of the tasks of one pipeline.

    Attributes:
        function_arn: of a function in the account and region of them all.
        log_groups: of the functions that work on the tasks.
        workflow_arn: the state machine; None where there is none.
    """

    function_arn: str
    log_groups: tuple[str, ...]
    workflow_arn: str | None = None

    def execution(self, task_id: str, run: int) -> str | None:
        """The execution of that run of the task; None where no step runs in a workflow."""
        if self.workflow_arn is None:
            return None
        arn = self.workflow_arn.replace(":stateMachine:", ":execution:", 1)
        return self._console(
            "states", f"v2/executions/details/{quote(arn, safe=':')}:{execution_name(task_id, run)}", separator="#/"
        )

    def item(self, table: str, key: str) -> str:
        """The item with that key in the table."""
        place = f"edit-item?itemMode=2&pk={quote(key, safe='')}&route=ROUTE_ITEM_EXPLORER&table={quote(table)}"
        return self._console("dynamodbv2", place, separator="#")

    def logs(self, task_id: str, since: datetime, until: datetime) -> str | None:
        """What the functions logged of the task, as a query of Logs Insights; None where its id is too long for one.

        Args:
            since, until: when the task was made and last changed; a quarter of an hour around them is searched.
        """
        query = (
            "fields @timestamp, level, step, attempt, fence, message"
            f"\n| filter task_id = {json.dumps(task_id, ensure_ascii=False)}\n| sort @timestamp"
        )
        groups = "".join(f"~'{_quoted(each)}" for each in self.log_groups)
        detail = (
            f"~(end~'{_moment(until + _AROUND)}~start~'{_moment(since - _AROUND)}~timeType~'ABSOLUTE~tz~'UTC"
            f"~editorString~'{_quoted(query)}~source~({groups}))"
        )
        hashed = quote(f"?queryDetail={detail}", safe="~()'*").replace("%", "$")
        url = self._console("cloudwatch", f"logsV2:logs-insights{hashed}", separator="#")
        return url if len(url) <= _LONGEST_URL else None

    def _console(self, service: str, place: str, *, separator: str) -> str:
        _, partition, _, region, *_ = self.function_arn.split(":")
        host = f"{region}.{_CONSOLES.get(partition, 'console.aws.amazon.com')}"
        return f"https://{host}/{service}/home?region={region}{separator}{place}"


def _moment(moment: datetime) -> str:
    return _quoted(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))


def _quoted(text: str) -> str:
    """A text as the console writes it in such an address: all but the plainest characters as ``*xx`` of UTF-8."""
    return re.sub(rb"[^A-Za-z0-9_.-]", lambda found: b"*%02x" % ord(found[0]), text.encode()).decode("ascii")

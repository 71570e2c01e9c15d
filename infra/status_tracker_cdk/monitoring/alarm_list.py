"""What all alarms of a tracker have in common: a name, instructions, and where they are sent."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from status_tracker_cdk.monitoring.metrics import Watched
from status_tracker_cdk.monitoring.windows import AT_ONCE, Window


class AlarmList:
    """Makes alarms about `watched` in `scope`, all of which go to `topic`.

    Attributes:
        made: the alarms so far, in the order in which a dashboard shows them.
    """

    def __init__(self, scope: Construct, *, watched: Watched, topic: sns.ITopic) -> None:
        self.made: list[cloudwatch.IAlarm] = []
        self._scope, self._watched = scope, watched
        self._action = actions.SnsAction(topic)

    def add(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        what_to_do: str,
        section: str,
        *,
        over: float = 0,
        under: float | None = None,
        window: Window = AT_ONCE,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        """Add an alarm for `metric` over (or under) the threshold in the `window`; `section` is the runbook's."""
        runbook = self._watched.alarms.alarm_runbook
        operators = cloudwatch.ComparisonOperator
        alarm_name = f"{self._watched.name}-{name}"
        alarm = cloudwatch.Alarm(
            self._scope,
            name,
            alarm_name=alarm_name,
            metric=metric,
            threshold=over if under is None else under,
            comparison_operator=operators.GREATER_THAN_THRESHOLD if under is None else operators.LESS_THAN_THRESHOLD,
            evaluation_periods=window.periods,
            datapoints_to_alarm=window.breaching,
            treat_missing_data=missing,
            alarm_description=what_to_do if runbook is None else f"{what_to_do} Runbook ({runbook}): '{section}'.",
        )
        alarm.add_alarm_action(self._action)
        # By its name and not by the resource: so a dashboard waits for no alarm to be made.
        self.made.append(cloudwatch.Alarm.from_alarm_name(self._scope, f"{name}ByName", alarm_name))

"""An alarm as a resource of CloudFormation. To define the class is to deploy alarms: see `moto_patches`."""

from collections.abc import Mapping
from typing import Any, Self

from moto.cloudwatch import models
from moto.cloudwatch.models import (
    CloudWatchBackend,
    Dimension,
    Metric,
    MetricDataQuery,
    MetricStat,
    cloudwatch_backends,
)
from moto.core.common_models import CloudFormationModel

from status_tracker_local.monitoring.alarms import State
from status_tracker_local.named_resource import NamedResource


class Alarm(NamedResource, models.Alarm, CloudFormationModel):
    """A metric alarm in a stack. It begins without data, as on AWS.

    Moto tells of it by the name of its class, which therefore is that of moto's own.
    """

    __module__ = models.Alarm.__module__  # moto takes the service from it

    @staticmethod
    def cloudformation_name_type() -> str:
        return "AlarmName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"

    @property
    def cfn_arn(self) -> str:
        return self.alarm_arn

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Self:
        alarm = cls(account_id, region_name, resource_name, **_settings(cloudformation_json["Properties"]))
        alarm.state_value = State.INSUFFICIENT_DATA
        cloudwatch_backends[account_id][region_name].alarms[resource_name] = alarm
        return alarm

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Self:
        if new_resource_name != original_resource.name:
            cloudwatch_backends[account_id][region_name].delete_alarms([original_resource.name])
        alarm = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        _keep_state(alarm, original_resource)
        return alarm

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],  # noqa: ARG003 - moto gives it
        account_id: str,
        region_name: str,
    ) -> None:
        cloudwatch_backends[account_id][region_name].delete_alarms([resource_name])


def put_alarms_without_data() -> None:
    """An alarm that is put begins without data, or keeps the state that it has: with moto it is OK."""
    original = CloudWatchBackend.put_metric_alarm

    def put(backend: CloudWatchBackend, name: str, *args: Any, **kwargs: Any) -> models.Alarm:
        before = backend.alarms.get(name)
        alarm = original(backend, name, *args, **kwargs)
        if before is None:
            alarm.state_value = State.INSUFFICIENT_DATA
        else:
            _keep_state(alarm, before)
        return alarm

    CloudWatchBackend.put_metric_alarm = put  # type: ignore[method-assign, assignment]


def _keep_state(alarm: models.Alarm, before: models.Alarm) -> None:
    alarm.history = before.history
    alarm.state_value = before.state_value
    alarm.state_reason = before.state_reason
    alarm.state_updated_timestamp = before.state_updated_timestamp


def _settings(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "namespace": properties.get("Namespace"),
        "metric_name": properties.get("MetricName"),
        "metric_data_queries": [_query(each) for each in properties.get("Metrics", [])],
        "comparison_operator": properties["ComparisonOperator"],
        "evaluation_periods": int(properties["EvaluationPeriods"]),
        "datapoints_to_alarm": properties.get("DatapointsToAlarm"),
        "period": properties.get("Period"),
        "threshold": properties.get("Threshold"),
        "statistic": properties.get("Statistic"),
        "extended_statistic": properties.get("ExtendedStatistic"),
        "description": properties.get("AlarmDescription", ""),
        "dimensions": properties.get("Dimensions", []),
        "alarm_actions": properties.get("AlarmActions", []),
        "ok_actions": properties.get("OKActions", []),
        "insufficient_data_actions": properties.get("InsufficientDataActions", []),
        "unit": properties.get("Unit"),
        "actions_enabled": properties.get("ActionsEnabled", True) not in {False, "false"},
        "treat_missing_data": properties.get("TreatMissingData"),
        "evaluate_low_sample_count_percentile": properties.get("EvaluateLowSampleCountPercentile"),
        "threshold_metric_id": properties.get("ThresholdMetricId"),
        "rule": None,
    }


class _Query(MetricDataQuery):
    account_id: str | None = None


def _query(properties: Mapping[str, Any]) -> MetricDataQuery:
    stat = properties.get("MetricStat")
    period: Any = properties.get("Period")  # most have none, and moto then holds none
    query = _Query(
        query_id=properties["Id"],
        label=properties.get("Label", ""),
        period=period,
        return_data=properties.get("ReturnData", True),
        expression=properties.get("Expression"),
        metric_stat=stat and _metric_stat(stat),
    )
    query.account_id = properties.get("AccountId")
    return query


def _metric_stat(properties: Mapping[str, Any]) -> MetricStat:
    found = properties["Metric"]
    dimensions = [Dimension(each["Name"], each["Value"]) for each in found.get("Dimensions", [])]
    return MetricStat(
        Metric(found["MetricName"], found["Namespace"], dimensions),
        properties["Period"],
        properties["Stat"],
        properties.get("Unit", ""),
    )

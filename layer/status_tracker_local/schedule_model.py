"""A schedule as a resource of CloudFormation. To define the class is to deploy schedules: see `moto_patches`."""

from collections.abc import Mapping
from typing import Any, Self

from moto.core.common_models import CloudFormationModel
from moto.scheduler.models import Schedule, ScheduleGroup, scheduler_backends

from status_tracker_local.named_resource import NamedResource


class StackSchedule(NamedResource, Schedule, CloudFormationModel):
    """A schedule of EventBridge Scheduler in a stack."""

    __module__ = Schedule.__module__  # moto takes the service from it

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Scheduler::Schedule"

    @property
    def cfn_arn(self) -> str:
        return self.arn

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Self:
        properties = cloudformation_json["Properties"]
        group = _group(properties, account_id, region_name)
        schedule = cls(
            region=region_name,
            account_id=account_id,
            group_name=group.name,
            name=resource_name,
            action_after_completion=None,
            **_settings(properties),
        )
        group.add_schedule(schedule)
        return schedule

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,  # noqa: ARG003 - CloudFormation would replace a schedule that is renamed
        cloudformation_json: dict[str, Any],
        account_id: str,  # noqa: ARG003
        region_name: str,  # noqa: ARG003
    ) -> Self:
        original_resource.update(**_settings(cloudformation_json["Properties"]))
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        _group(cloudformation_json["Properties"], account_id, region_name).delete_schedule(resource_name)


def _group(properties: Mapping[str, Any], account_id: str, region_name: str) -> ScheduleGroup:
    return scheduler_backends[account_id][region_name].get_schedule_group(properties.get("GroupName"))


def _settings(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": properties.get("Description"),
        "schedule_expression": properties["ScheduleExpression"],
        "schedule_expression_timezone": properties.get("ScheduleExpressionTimezone"),
        "flexible_time_window": properties["FlexibleTimeWindow"],
        "target": dict(properties["Target"]),
        "state": properties.get("State", "ENABLED"),
        "kms_key_arn": properties.get("KmsKeyArn"),
        "start_date": properties.get("StartDate"),
        "end_date": properties.get("EndDate"),
    }

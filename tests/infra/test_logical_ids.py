"""What CloudFormation must never replace keeps its logical id, literally, and the index its projection.

CloudFormation knows a resource by its logical id alone: it deletes one whose id has changed, and makes another. The ids
are in ``logical_ids.json``. Those of a new step or worker of ``expected.py`` may follow there once they are deployed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.expected import STEPS, WORKERS
from tests.infra.synthesis import Synthesized
from tests.infra.variants import SETTINGS, synthesized

IDS: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("logical_ids.json").read_text())
STATEFUL = {
    "AWS::DynamoDB::Table": "tasks",
    "AWS::S3::Bucket": "documents, results and access logs",
    "AWS::SQS::Queue": "messages",
    "AWS::Events::EventBus": "rules, also those made by hand",
    "AWS::Logs::LogGroup": "logs",
    "AWS::StepFunctions::StateMachine": "the history of executions, and those that run",
    "AWS::SNS::Topic": "subscriptions, also those made by hand",
    "AWS::SNS::Subscription": "the consent of who is subscribed",
    "AWS::KMS::Key": "what it has encrypted",
    "AWS::IAM::ManagedPolicy": "the roles that it was attached to by hand",
}
"""The types that keep something, and what."""
NAMED = {
    "AWS::Lambda::Function": "FunctionName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
}
"""The types of which one with a name of its own cannot be made beside the one that is to be deleted."""
FROZEN_INDEX = {
    "IndexName": "status_and_update_time-index",
    "KeySchema": [
        {"AttributeName": "value", "KeyType": "HASH"},
        {"AttributeName": "update_time", "KeyType": "RANGE"},
    ],
    "Projection": {
        "NonKeyAttributes": ["create_time", "status", "retry", "lock", "lock_time", "lock_expire_time"],
        "ProjectionType": "INCLUDE",
    },
}
NEVER_IN_PLACE = (
    "The index of an existing table can never be changed in place: DynamoDB changes neither keys nor projection, so "
    "CloudFormation would delete the index and build another, and until it is filled every listing, the sweep, the "
    "widget and the alarms would see no tasks. Give the new index a name of its own beside this one."
)


def pinned(settings: Mapping[str, Any]) -> dict[str, set[str]]:
    """The ids that a variant with these settings has, by type."""
    sections = ["every variant"]
    sections += ["with Textract"] if "reader" in settings else []
    sections += ["with deletions"] if "bulk_deletes" in settings else []
    sections += ["with an address"] if "alarm_email" in settings else []
    types = {each for section in sections for each in IDS[section]}
    return {each: {name for section in sections for name in IDS[section].get(each, ())} for each in types}


def irreplaceable(template: Mapping[str, Any]) -> dict[str, set[str]]:
    """The ids of what must not be replaced, by type."""
    found: dict[str, set[str]] = {}
    for name, resource in template["Resources"].items():
        kind = resource["Type"]
        if kind in STATEFUL or NAMED.get(kind) in resource["Properties"]:
            found.setdefault(kind, set()).add(name)
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_what_must_not_be_replaced_keeps_its_logical_id(name: str) -> None:
    found = irreplaceable(synthesized(name).template)
    for resource_type, ids in pinned(SETTINGS[name][1]).items():
        assert ids <= found[resource_type], f"{resource_type} keeps {STATEFUL.get(resource_type, 'its name')}"


@pytest.mark.parametrize("name", SETTINGS)
def test_every_logical_id_that_must_stay_is_listed(name: str) -> None:
    listed = pinned(SETTINGS[name][1])
    unlisted = {
        each
        for resource_type, ids in irreplaceable(synthesized(name).template).items()
        for each in ids - listed.get(resource_type, set())
    }
    new = (*STEPS, *WORKERS)
    assert {each for each in unlisted if not any(part in each for part in new)} == set(), "add it to logical_ids.json"


def test_a_logical_id_that_has_changed_would_be_found(prod: Synthesized) -> None:
    template = copy.deepcopy(prod.template)
    resources = template["Resources"]
    [table] = pinned({})["AWS::DynamoDB::Table"]
    resources["TasksTable2"] = resources.pop(table)
    assert pinned({})["AWS::DynamoDB::Table"] - irreplaceable(template)["AWS::DynamoDB::Table"] == {table}
    assert "TasksTable2" in irreplaceable(template)["AWS::DynamoDB::Table"]


def test_what_holds_data_has_no_name_of_its_own(stage: Synthesized) -> None:
    """A name that is given, changed or taken away replaces the resource, whatever its logical id."""
    for resource_type, name in (
        ("AWS::DynamoDB::Table", "TableName"),
        ("AWS::S3::Bucket", "BucketName"),
        ("AWS::SQS::Queue", "QueueName"),
        ("AWS::SNS::Topic", "TopicName"),
    ):
        assert [each for each in stage.of_type(resource_type).values() if name in each["Properties"]] == []


def test_the_index_is_frozen(variant: Synthesized) -> None:
    table = variant.properties("AWS::DynamoDB::Table")
    assert table["GlobalSecondaryIndexes"] == [FROZEN_INDEX], NEVER_IN_PLACE

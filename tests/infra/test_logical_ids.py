"""What holds data keeps its logical id, literally: CloudFormation replaces a resource whose id has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app import build
from tests.infra.synthesis import STAGES, Synthesized, new_app

IDS: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("logical_ids.json").read_text())
TEXTRACT = {"reader": "textract", "alarm_no_progress_minutes": 1200, "alarm_oldest_unfinished_minutes": 1200}
BEDROCK = {"answerer": "bedrock", "bedrock_model_id": "example.model-v1:0"}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{stage: (stage, {}) for stage in STAGES},
    "email": ("prod", {"alarm_email": "operations@example.com", "step_reserved_concurrency": 5}),
    "textract": ("prod", TEXTRACT),
    "bedrock": ("prod", BEDROCK),
    "both": ("prod", {**TEXTRACT, **BEDROCK}),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_holds_data_keeps_its_logical_id(variant: str) -> None:
    stage, settings = VARIANTS[variant]
    resources = Synthesized.of(build(new_app(stage, **settings))).template["Resources"]
    expected = [IDS["every variant"], *([IDS["with Textract"]] if "reader" in settings else [])]
    for ids in expected:
        for resource_type, names in ids.items():
            found = {name for name, resource in resources.items() if resource["Type"] == resource_type}
            assert set(names) <= found, resource_type


def test_the_indexs_projection_on_existing_tables_stays(stage: Synthesized) -> None:
    """DynamoDB changes no projection: CloudFormation would delete the index and create another."""
    assert stage.properties("AWS::DynamoDB::Table")["GlobalSecondaryIndexes"] == [
        {
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
    ]

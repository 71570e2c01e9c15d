"""What the widget's functions are told."""

from __future__ import annotations

import pytest

from status_tracker_ops.settings import WidgetSettings

ENVIRONMENT = {
    "WIDGET_VIEWER_ARN": "viewer",
    "WIDGET_ACTOR_ARN": "actor",
    "WIDGET_ADMIN_ARN": "admin",
    "WORKFLOW_ARN": "workflow",
    "LOG_GROUPS": "intake,extract",
}


def test_settings() -> None:
    assert WidgetSettings.from_environment(ENVIRONMENT) == WidgetSettings(
        widget_viewer_arn="viewer",
        widget_actor_arn="actor",
        widget_admin_arn="admin",
        workflow_arn="workflow",
        log_groups=("intake", "extract"),
    )


def test_what_is_written_is_read_again() -> None:
    assert WidgetSettings.from_environment(ENVIRONMENT).to_environment() == ENVIRONMENT


def test_without_a_workflow() -> None:
    without = {name: value for name, value in ENVIRONMENT.items() if name != "WORKFLOW_ARN"}
    settings = WidgetSettings.from_environment(without)
    assert settings.workflow_arn is None
    assert settings.to_environment() == without


@pytest.mark.parametrize("name", [name for name in ENVIRONMENT if name != "WORKFLOW_ARN"])
def test_a_missing_setting_is_told_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        WidgetSettings.from_environment({**ENVIRONMENT, name: " "})

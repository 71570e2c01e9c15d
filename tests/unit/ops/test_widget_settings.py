"""What the widget's functions are told."""

from __future__ import annotations

import pytest

from status_tracker_ops.settings import WidgetSettings

ENVIRONMENT = {
    "WIDGET_VIEWER_ARN": "viewer",
    "WIDGET_ACTOR_ARN": "actor",
    "WORKFLOW_ARN": "workflow",
    "LOG_GROUPS": "intake,extract",
}


def test_settings() -> None:
    assert WidgetSettings.from_environment(ENVIRONMENT) == WidgetSettings(
        widget_viewer_arn="viewer",
        widget_actor_arn="actor",
        workflow_arn="workflow",
        log_groups=("intake", "extract"),
    )


def test_what_is_written_is_read_again() -> None:
    assert WidgetSettings.from_environment(ENVIRONMENT).to_environment() == ENVIRONMENT


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_missing_setting_is_told_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        WidgetSettings.from_environment({**ENVIRONMENT, name: " "})

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
        viewer_arn="viewer", actor_arn="actor", workflow_arn="workflow", log_groups=("intake", "extract")
    )


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_missing_setting_is_told_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        WidgetSettings.from_environment({**ENVIRONMENT, name: " "})

"""The clock of the metrics and alarms, as one moves it from outside."""

from __future__ import annotations

import pytest

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.errors import LocalCloudError


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), float("-inf")])
def test_it_only_goes_forward(cloud: LocalCloud, seconds: float) -> None:
    before = cloud.forward(0)
    with pytest.raises(
        LocalCloudError, match=f"The clock cannot be moved by {seconds} s, only forward, by 0 s or more"
    ):
        cloud.forward(seconds)
    assert before <= cloud.forward(0) < before + 3600

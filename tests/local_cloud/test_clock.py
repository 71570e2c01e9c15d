"""The clock of the metrics and alarms, as one moves it from outside."""

from __future__ import annotations

import pytest

from local_cloud.cloud import LocalCloud
from local_cloud.errors import LocalCloudError


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), float("-inf")])
def test_it_only_goes_forward(cloud: LocalCloud, seconds: float) -> None:
    before = cloud.forward(0)
    with pytest.raises(
        LocalCloudError, match=f"The clock cannot be moved by {seconds} s, only forward, by 0 s or more"
    ):
        cloud.forward(seconds)
    assert before <= cloud.forward(0) < before + 3600

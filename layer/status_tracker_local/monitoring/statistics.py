"""The statistics of CloudWatch: one number of what was measured in a period.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from status_tracker_local.monitoring.errors import NotEvaluatedError

_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,10})?|100)")


class Sample(NamedTuple):
    """A value, or a set of values of which only the statistics were sent."""

    number: float
    total: float
    lowest: float
    highest: float


_SIMPLE: Mapping[str, Callable[[Sequence[Sample]], float]] = {
    "Sum": lambda samples: math.fsum(each.total for each in samples),
    "SampleCount": lambda samples: math.fsum(each.number for each in samples),
    "Minimum": lambda samples: min(each.lowest for each in samples),
    "Maximum": lambda samples: max(each.highest for each in samples),
    "Average": lambda samples: math.fsum(each.total for each in samples) / math.fsum(each.number for each in samples),
}


def statistic(name: str, samples: Sequence[Sample]) -> float | None:
    """The statistic of the samples; None where there are none, or too little is known of them for a percentile.

    A percentile is the lowest value that at least as many per cent of the values do not exceed.

    Raises:
        NotEvaluatedError: the statistic is not known here.
    """
    percentile = _PERCENTILE.fullmatch(name)
    if name not in _SIMPLE and not percentile:
        raise NotEvaluatedError(f"the statistic {name} is not known here")
    known = [each for each in samples if each.number > 0]
    if not known:
        return None
    return _percentile(float(percentile[1]), known) if percentile else _SIMPLE[name](known)


def _percentile(percent: float, samples: Sequence[Sample]) -> float | None:
    if any(each.lowest != each.highest for each in samples):
        return None
    ordered = sorted((each.lowest, each.number) for each in samples)
    wanted = percent / 100 * math.fsum(count for _, count in ordered)
    seen = 0.0
    for value, count in ordered:
        seen += count
        if seen >= wanted:
            return value
    return ordered[-1][0]

"""The embedded metric format: metrics within the JSON lines that a function logs.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from status_tracker_local.monitoring.metrics import Datum

_MARK = '"_aws"'
_MOST_DIMENSIONS = 30
_MOST_VALUES = 100


class MalformedError(ValueError):
    """A line says that it has metrics, and CloudWatch would take none from it. The message says why."""


def objects_of(line: str) -> Iterator[dict[str, Any]]:
    """The JSON objects with metrics in a line of a log: processes that write at the same time may share a line.

    Raises:
        MalformedError: what is marked as metrics is no JSON.
    """
    decoder = json.JSONDecoder()
    at = line.find("{")
    while _MARK in line[at:] and at >= 0:
        try:
            found, end = decoder.raw_decode(line, at)
        except ValueError as error:
            raise MalformedError(f"it is no JSON: {error}") from error
        if "_aws" in found:
            yield found
        at = line.find("{", end)


def datums_of(found: Mapping[str, Any], dated: Callable[[float], float]) -> list[Datum]:
    """The metrics of one object: each value once for each set of dimensions.

    Args:
        found: the object.
        dated: gives the time of a metric by that of the object, both in seconds since 1970.

    Raises:
        MalformedError: something that its directives refer to is missing, or of another kind than it must be.
    """
    try:
        at = dated(float(found["_aws"]["Timestamp"]) / 1000)
        directives = found["_aws"]["CloudWatchMetrics"]
        return [datum for directive in directives for datum in _of_directive(directive, found, at)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError(f"{type(error).__name__}: {error}") from error


def _of_directive(directive: Mapping[str, Any], found: Mapping[str, Any], at: float) -> Iterator[Datum]:
    namespace = directive["Namespace"]
    for names in directive.get("Dimensions") or [[]]:
        if len(names) > _MOST_DIMENSIONS:
            raise ValueError(f"a set of {len(names)} dimensions; at most {_MOST_DIMENSIONS} are taken")
        dimensions = {name: str(found[name]) for name in names}
        for metric in directive["Metrics"]:
            resolution = int(metric.get("StorageResolution", 60))
            if resolution not in {1, 60}:
                raise ValueError(f"the StorageResolution {resolution}; it is 1 or 60")
            for value in _values(found[metric["Name"]]):
                yield Datum.make(
                    namespace, metric["Name"], dimensions, value, at - at % resolution, metric.get("Unit", "None")
                )


def _values(given: object) -> list[float]:
    values = [_number(value) for value in (given if isinstance(given, list) else [given])]
    if len(values) > _MOST_VALUES:
        raise ValueError(f"{len(values)} values of one metric; at most {_MOST_VALUES} are taken")
    return values


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ValueError(f"{given!r} is no number")
    return float(given)

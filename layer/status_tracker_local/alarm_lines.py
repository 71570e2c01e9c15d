"""What alarms have done, a line each."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_ALARM = "ALARM"


def alarm_lines(changes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each change, as `LocalCloud.alarm_changes` gives them, of an alarm that goes off or comes back."""
    for change in changes:
        if _ALARM in {change["old"], change["new"]}:
            when = datetime.fromtimestamp(change["at"], tz=UTC)
            yield f"{when:%H:%M} UTC  {change['alarm']}: {change['old']} → {change['new']}. {change['reason']}"

"""How long alarms look back.

Every window rolls: CloudWatch evaluates it each minute. S is the sweep's interval, ``|`` a
sweep, ``x`` a period over the threshold, ``.`` any other.

======== ================================ ========================================================================
event    ``[..............x]`` 15 x 1 min One is enough, and the alarm stays for a quarter of an hour: metrics that
                                          come from logs arrive late, and a shorter alarm is missed.
lasting  ``[.x..x.xx.x.....]`` 15 x 1 min Five of fifteen: a short burst raises no alarm.
state    ``[| |][| |][| |]``  n x 2 S     All of n: each period contains a sweep, however late it starts. Without
                                          sweeps the state is INSUFFICIENT_DATA, not a false OK or a lasting ALARM.
watch    ``[           ]``    1 x 3 S     No sweep in the period.
======== ================================ ========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """How many periods are evaluated, and how many of them must breach."""

    periods: int
    breaching: int


AT_ONCE = Window(1, 1)
EVENT = Window(15, 1)
LASTING = Window(15, 5)
TWICE = Window(3, 2)

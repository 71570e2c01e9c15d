"""What it takes to begin: cold starts in fresh processes, and the size of the layer."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.cold import import_times
from bench.conductor import PYTHON, ROOT, environment_of, module_of
from bench.report import Row, number
from bench.sections import FLOOR, NAMES
from bench.stats import ratio, spread

CONTENDERS = ("botocore_alone", FLOOR, "ours", "pynamodb_raw", "pynamodb_mate", "powertools")
MEGABYTE = 1e6
_SHOWN = 8


def cold_starts(rounds: int, contenders: Sequence[str]) -> Iterator[Row]:
    """Import and first client, in processes of their own; the first contender is the floor."""
    samples: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for turn in range(-1, rounds):  # the first one compiles
        for name in contenders:
            told = json.loads(_run(name).stdout)
            if turn >= 0:
                samples[name].append(told)
    floor = samples[contenders[0]]
    for name, taken in samples.items():
        cpu, wall = ([each[kind] for each in taken] for kind in ("cpu", "wall"))
        resident = spread([each["bytes"] for each in taken]).median
        yield Row(
            "import + first client",
            NAMES[name],
            cpu=spread(cpu),
            cpu_ratio=ratio(cpu, [each["cpu"] for each in floor]),
            wall=spread(wall),
            wall_ratio=ratio(wall, [each["wall"] for each in floor]),
            besides=f"{number(resident / MEGABYTE)} MB resident",
        )


def import_breakdown() -> str:
    """Where the time of importing the library goes, by package, as a sentence."""
    times = import_times(_run("ours", "-X", "importtime").stderr)
    times.pop("bench", None)
    told = ", ".join(f"{package} {microseconds / 1000:.0f}" for package, microseconds in times.most_common(_SHOWN))
    return f"`import status_tracker` and its DynamoDB names take {times.total() / 1000:.0f} ms, traced: {told}."


_BUNDLE = """
import inspect, pathlib, sys
try:
    from status_tracker_cdk.layer import LayerContent
    LayerContent(pathlib.Path("lambdas").resolve()).bundle(pathlib.Path(sys.argv[1]))
    sys.exit()
except ModuleNotFoundError:  # a revision from before that room
    from infra.tracker_layer import bundle
except ImportError:  # a revision whose layer was made of the checkout
    from status_tracker_cdk.layer import bundle
folders = ["layer", "lambdas"] if "functions" in inspect.signature(bundle).parameters else ["layer"]
bundle(*(pathlib.Path(folder).resolve() for folder in folders), pathlib.Path(sys.argv[1]))
"""


def layer_sizes(checkout: Path = ROOT) -> Counter[str]:
    """The bytes of a checkout's layer, unpacked, by package."""
    sizes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _BUNDLE, folder]
        subprocess.run(command, cwd=checkout, check=True, stderr=subprocess.DEVNULL)  # noqa: S603  # made here
        for path in Path(folder, "python").rglob("*"):
            if path.is_file():
                sizes[path.relative_to(Path(folder, "python")).parts[0]] += path.stat().st_size
    return sizes


def layer_breakdown(sizes: Counter[str]) -> str:
    """What the layer is made of, as a sentence."""
    told = ", ".join(f"{name} {size / MEGABYTE:.2f}" for name, size in sizes.most_common())
    return f"The layer has {sizes.total() / MEGABYTE:.2f} MB: {told}."


def _run(contender: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # the command is made here
        [str(PYTHON), *options, "-m", "bench.cold", module_of(contender)],
        cwd=ROOT,
        env=environment_of(contender),
        capture_output=True,
        text=True,
        check=True,
    )

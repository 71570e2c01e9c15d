"""The size of the layer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.conductor import ROOT

MEGABYTE = 1e6


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

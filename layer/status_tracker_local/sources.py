"""Whether the checkout is as it was when the app was synthesized last."""

import hashlib
import os
import sys
from pathlib import Path

# What no synthesized app is made of. Packages stand in the lock files, which count.
_LEFT_OUT = frozenset({"__pycache__", "bench", "cdk.out", "node_modules", "tests"})


def digest(checkout: Path, *settings: str) -> str:
    """A hash of every file that an app may be made from, and of the settings it is made with.

    Files and folders whose names begin with a dot, and folders of caches, packages and tests do not count.
    """
    result = hashlib.sha256("\0".join([sys.version, *settings]).encode())
    for folder, folders, files in os.walk(checkout):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file():
                content = path.read_bytes()
                result.update(
                    f"{path.relative_to(checkout)}\0{len(content)}\0".encode(errors="surrogateescape") + content
                )
    return result.hexdigest()

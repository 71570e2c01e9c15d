"""What the import of each module says where one package is not installed: a program for `test_import_errors.py`.

Prints JSON: by the package that is missing, by module, what was raised and its message. Other people's packages are
imported once; ours anew in a fork for each package.
"""

import importlib
import json
import os
import pkgutil
import sys

OURS, THEIRS = (given.split(",") for given in sys.argv[1:])


def said() -> dict[str, list[str]]:
    """By module of ours that cannot be imported, the error's class and its message."""
    wrong: dict[str, list[str]] = {}

    def attempt(name: str) -> bool:
        try:
            importlib.import_module(name)
        except ImportError as error:
            wrong[name] = [type(error).__name__, str(error)]
        return name not in wrong

    for package in OURS:
        if attempt(package):
            within = pkgutil.walk_packages(sys.modules[package].__path__, f"{package}.", onerror=lambda _: None)
            for module in within:
                if not module.name.endswith("__main__") and ".deployed." not in module.name:
                    attempt(module.name)
    return wrong


def without(package: str) -> dict[str, list[str]]:
    """As `said`, in a fork in which the package is missing."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        for name in [each for each in sys.modules if each.split(".")[0] in {package, *OURS}]:
            del sys.modules[name]
        sys.modules[package] = None  # type: ignore[assignment]  # so that its import fails
        with os.fdopen(writer, "w") as told:
            json.dump(said(), told)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        found: dict[str, list[str]] = json.load(told)
    os.wait()
    return found


said()  # imports the packages of others
sys.stdout.write(json.dumps({package: without(package) for package in THEIRS}))

"""What the local cloud needs beside Python: Node with the CDK command line, and the handlers' environment."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from status_tracker_local.errors import LocalCloudError

_HANDLER_REQUIREMENTS = Path(__file__).with_name("handler-requirements.txt")


def cdk_command(app: Path) -> list[str]:
    """The CDK command line of the app: that of its own ``node_modules``, of a folder above it, or of the PATH.

    Raises:
        LocalCloudError: Node or the CDK is not installed.
    """
    if shutil.which("node") is None:
        raise LocalCloudError(
            "The CDK command line runs on Node.js 20 or newer, and there is no `node` on the PATH. "
            "Install it from https://nodejs.org, then run the command again."
        )
    for folder in (app, *app.parents):
        cdk = folder / "node_modules" / ".bin" / "cdk"
        if cdk.exists():
            return [str(cdk)]
    if on_path := shutil.which("cdk"):
        return [on_path]
    raise LocalCloudError(
        "The CDK command line is not installed: it is in node_modules neither of "
        f"{app} nor of a folder above it, and not on the PATH. Run `npm install aws-cdk@2` in {app}, and try again."
    )


def interpreter_of(home: Path) -> Path:
    """The interpreter of the virtual environment in a folder, whether or not it is made yet."""
    return home / "bin" / "python"


def handlers_python(home: Path) -> Path:
    """The interpreter with what Lambda's own runtime has, boto3 and the runtime client, and nothing else.

    Args:
        home: the folder of its virtual environment, which is made when it is missing or its requirements have changed.

    Raises:
        LocalCloudError: the packages could not be installed.
    """
    python = interpreter_of(home)
    wanted = hashlib.sha256(_HANDLER_REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    mark = home / "made-from.sha256"
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time makes it, the others find it made
        if not (mark.exists() and mark.read_text() == wanted and python.exists()):
            _uv("venv", "--clear", "--python", sys.executable, str(home))
            _uv("pip", "install", "--python", str(python), "--require-hashes", "-r", str(_HANDLER_REQUIREMENTS))
            mark.write_text(wanted)
    return python


def search_path() -> str:
    """A PATH on which ``python`` is this interpreter: it has what the CDK app imports."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    result = subprocess.run(  # noqa: S603 - uv, with arguments of ours
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ
    )
    if result.returncode:
        raise LocalCloudError(
            f"The handlers' environment could not be made: `{' '.join(command)}` failed with\n"
            f"{result.stdout.decode(errors='replace')}"
        )

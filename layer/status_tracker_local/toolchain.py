"""What the local cloud needs beside Python: Node with the CDK command line, and the handlers' environment."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from status_tracker_local.errors import LocalCloudError

CHECKOUT = Path(__file__).parents[2]
_HANDLER_REQUIREMENTS = Path(__file__).with_name("handler-requirements.txt")


def find_application() -> None:
    """Put the application and the library, which are in folders of the checkout, on the path of this process."""
    sys.path += [folder for name in ("layer", "lambdas", "infra") if (folder := str(CHECKOUT / name)) not in sys.path]


def cdk_command() -> list[str]:
    """The CDK command line that package.json pins.

    Raises:
        LocalCloudError: Node or the CDK is not installed.
    """
    if shutil.which("node") is None:
        raise LocalCloudError(
            "The CDK command line runs on Node.js 20 or newer, and there is no `node` on the PATH. "
            "Install it from https://nodejs.org, then run the command again."
        )
    cdk = CHECKOUT / "node_modules" / ".bin" / "cdk"
    if not cdk.exists():
        raise LocalCloudError(f"The CDK command line is not installed ({cdk} is missing). Run `npm ci` first.")
    return [str(cdk)]


def handlers_python() -> Path:
    """The interpreter with what Lambda's own runtime has, boto3 and the runtime client, and nothing else.

    Its virtual environment, ``.venv-handlers``, is made when it is missing or its requirements have changed.

    Raises:
        LocalCloudError: the packages could not be installed.
    """
    home = CHECKOUT / ".venv-handlers"
    python = home / "bin" / "python"
    wanted = hashlib.sha256(_HANDLER_REQUIREMENTS.read_bytes()).hexdigest()
    mark = home / "requirements.sha256"
    with _HANDLER_REQUIREMENTS.open("rb") as requirements:
        fcntl.flock(requirements, fcntl.LOCK_EX)  # one at a time makes it, the others find it made
        if not (mark.exists() and mark.read_text() == wanted and python.exists()):
            _uv("venv", "--clear", "--python", sys.executable, str(home))
            _uv("pip", "install", "--python", str(python), "--require-hashes", "-r", requirements.name)
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

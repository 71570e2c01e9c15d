"""The real ``cdk bootstrap``, ``cdk synth`` and ``cdk deploy``, against the local account."""

import json
from pathlib import Path

from status_tracker_local.account import ACCOUNT_ID, REGION, isolated_environment
from status_tracker_local.commands import Command
from status_tracker_local.sources import digest
from status_tracker_local.toolchain import CHECKOUT, cdk_command, search_path

_QUIET = ["--no-notices", "--no-version-reporting", "--no-color"]


class Deployment:
    """One deployment of the app.

    Args:
        stage: the stage of ``cdk.json`` whose settings it has.
        state: the folder for ``cdk.out`` and the logs.
        endpoint: where the local account answers.
        app: the folder of the app; by default this checkout.

    Raises:
        LocalCloudError: Node or the CDK command line is missing.
    """

    def __init__(self, *, stage: str, state: Path, endpoint: str, app: Path = CHECKOUT) -> None:
        self.stack_name = f"status-tracker-{stage}"
        self._stage = stage
        self._app = app
        self._assembly = state / "cdk.out"
        self._outputs = state / "outputs.json"
        # In the app's folder `cdk bootstrap` would synthesize it anew, without bundling the layer.
        self._elsewhere = state / "empty"
        self._logs = state / "logs"
        self._cdk = cdk_command()
        self._environment = {**isolated_environment(endpoint), "PATH": search_path()}
        self._elsewhere.mkdir(parents=True, exist_ok=True)
        self._stamp = state / "synthesized-from"
        self._sources = self._digest()

    @property
    def is_synthesized(self) -> bool:
        """Whether what was synthesized last was made from the checkout as it is."""
        return self._assembly.is_dir() and self._stamp.exists() and self._stamp.read_text() == self._sources

    def note_synthesized(self) -> None:
        """What was synthesized was made from the checkout as it was at first, unless that has changed meanwhile."""
        if self._digest() == self._sources:
            self._stamp.write_text(self._sources)

    def _digest(self) -> str:
        own_settings = Path.home() / ".cdk.json"  # which the CDK reads too
        return digest(CHECKOUT, self._stage, own_settings.read_text() if own_settings.exists() else "")

    def synth(self) -> Command:
        """Start synthesizing the app."""
        self._stamp.unlink(missing_ok=True)
        # Without credentials the CDK does not ask for the account, so this need not wait for the server.
        environment = {
            name: value
            for name, value in self._environment.items()
            if name not in {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        }
        environment["JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"] = "1"
        return Command(
            "cdk synth",
            [*self._cdk, "synth", "--quiet", *_QUIET, "-c", f"stage={self._stage}", "-o", str(self._assembly)],
            cwd=self._app,
            env=environment,
            log=self._logs / "synth.log",
        )

    def bootstrap(self) -> Command:
        """Start preparing the account for deployments."""
        return self._cdk_elsewhere("bootstrap", f"aws://{ACCOUNT_ID}/{REGION}")

    def deploy(self) -> Command:
        """Start deploying what was synthesized."""
        # Change sets lose the outputs in moto, and their update fails.
        return self._cdk_elsewhere(
            "deploy",
            "--all",
            f"--app={self._assembly}",
            "--method=direct",
            "--require-approval=never",
            f"--outputs-file={self._outputs}",
        )

    def outputs(self) -> dict[str, str]:
        """The outputs of the deployed stack, by name."""
        outputs: dict[str, str] = json.loads(self._outputs.read_text())[self.stack_name]
        return outputs

    def _cdk_elsewhere(self, action: str, *arguments: str) -> Command:
        return Command(
            f"cdk {action}",
            [*self._cdk, action, *arguments, *_QUIET],
            cwd=self._elsewhere,
            env=self._environment,
            log=self._logs / f"{action}.log",
        )

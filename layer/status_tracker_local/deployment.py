"""The real ``cdk bootstrap``, ``cdk synth`` and ``cdk deploy``, against the local account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from status_tracker_local.account import ACCOUNT_ID, REGION, isolated_environment
from status_tracker_local.assembly import Stack, check_deployable, chosen, missing_context, read_stacks
from status_tracker_local.commands import Command
from status_tracker_local.errors import LocalCloudError
from status_tracker_local.toolchain import cdk_command, search_path

_QUIET = ["--no-notices", "--no-version-reporting", "--no-color"]
_LEADING_TO_THE_ACCOUNT = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class App:
    """A CDK app, and what is deployed of it.

    Attributes:
        folder: where its ``cdk.json`` is.
        context: goes before the context of ``cdk.json``, as by ``cdk -c NAME=VALUE``.
        stacks: the stacks to deploy, with those that they need; by default all.
    """

    folder: Path
    context: Mapping[str, str] = field(default_factory=dict)
    stacks: Sequence[str] = ()


class Deployment:
    """One deployment of an app.

    Args:
        app: what to deploy.
        state: the folder for ``cdk.out`` and the logs.
        endpoint: where the local account answers.

    Raises:
        LocalCloudError: there is no such app, or Node or the CDK command line is missing.
    """

    def __init__(self, app: App, *, state: Path, endpoint: str) -> None:
        if not (app.folder / "cdk.json").is_file():
            raise LocalCloudError(f"{app.folder} has no cdk.json: give the folder of a CDK app, by --app.")
        self._app = app
        self._assembly = state / "cdk.out"
        # In the app's folder `cdk bootstrap` would synthesize it anew, without bundling the layer.
        self._elsewhere = state / "empty"
        self._logs = state / "logs"
        self._cdk = cdk_command(app.folder)
        self._environment = {**isolated_environment(endpoint), "PATH": search_path()}
        self._elsewhere.mkdir(parents=True, exist_ok=True)

    def synth(self) -> Command:
        """Start synthesizing the app."""
        (self._assembly / "manifest.json").unlink(missing_ok=True)
        # Without credentials the CDK does not ask for the account, so this need not wait for the server.
        environment = {
            **{name: value for name, value in self._environment.items() if name not in _LEADING_TO_THE_ACCOUNT},
            "CDK_DEFAULT_ACCOUNT": ACCOUNT_ID,
            "CDK_DEFAULT_REGION": REGION,
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        }
        context = [part for each in self._app.context.items() for part in ("-c", "=".join(each))]
        return Command(
            "cdk synth",
            [*self._cdk, "synth", "--quiet", "--no-lookups", *_QUIET, *context, "-o", str(self._assembly)],
            cwd=self._app.folder,
            env=environment,
            log=self._logs / "synth.log",
        )

    def stacks(self, synth: Command) -> list[Stack]:
        """Wait until the app is synthesized; returns what is to be deployed.

        Raises:
            LocalCloudError: it could not be, or has what the local cloud cannot deploy.
        """
        try:
            synth.finish()
        except LocalCloudError:
            if keys := missing_context(self._assembly):
                raise LocalCloudError(
                    f"The app looks up what an AWS account has, which the local cloud cannot: {', '.join(keys)}. "
                    "Keep the answers in cdk.context.json (`cdk synth` writes them there, with credentials), "
                    "or give the values without a lookup."
                ) from None
            raise
        stacks = chosen(read_stacks(self._assembly), self._app.stacks)
        check_deployable(stacks)
        return stacks

    def bootstrap(self) -> Command:
        """Start preparing the account for deployments."""
        return self._cdk_elsewhere("bootstrap", f"aws://{ACCOUNT_ID}/{REGION}")

    def deploy(self, stacks: Sequence[Stack]) -> Command:
        """Start deploying what was synthesized."""
        # Change sets lose the outputs in moto, and their update fails.
        return self._cdk_elsewhere(
            "deploy",
            *(stack.path for stack in stacks),
            f"--app={self._assembly}",
            "--method=direct",
            "--require-approval=never",
        )

    def _cdk_elsewhere(self, action: str, *arguments: str) -> Command:
        return Command(
            f"cdk {action}",
            [*self._cdk, action, *arguments, *_QUIET],
            cwd=self._elsewhere,
            env=self._environment,
            log=self._logs / f"{action}.log",
        )

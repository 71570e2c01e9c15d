"""The CDK application: settings in, stack out, cdk-nag on."""

import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

# What is imported here lies in folders of its own, which `cdk synth` must find in a bare checkout. They come last: the
# names of handlers, such as `widget`, never hide another module.
_CHECKOUT = Path(__file__).parent
sys.path += [folder for name in ("layer", "lambdas", "infra") if (folder := str(_CHECKOUT / name)) not in sys.path]

from documents_stack.settings import Settings, SettingsError  # noqa: E402
from documents_stack.stack import StatusTrackerStack  # noqa: E402


def build(app: App) -> StatusTrackerStack:
    """Put the stack of the stage that the context's ``stage`` chooses into `app`; cdk-nag's findings fail its synth.

    A setting that the context has beside the stages, as by ``-c alarm_email=you@example.com``, goes before the stage's.

    Raises:
        SettingsError: no stage was chosen, or its settings cannot be used.
    """
    context = app.node.try_get_context
    overrides = {name: value for name in Settings.names() if (value := context(name)) is not None}
    settings = Settings.from_context(context("stages"), context("stage"), overrides)
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    return StatusTrackerStack(app, settings)


def main() -> None:
    """Synthesize for the CDK command line."""
    app = App()
    try:
        build(app)
    except SettingsError as error:
        sys.exit(str(error))
    app.synth()


if __name__ == "__main__":
    main()

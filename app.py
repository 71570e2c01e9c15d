"""The CDK application: settings in, stack out, cdk-nag on."""

import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.documents.settings import Settings, SettingsError
from infra.documents.stack import StatusTrackerStack


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

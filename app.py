"""The CDK application: settings in, stack out, cdk-nag on."""

import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.settings import Settings, SettingsError
from infra.stack import StatusTrackerStack


def main() -> None:
    """Synthesize the stack of the stage that ``-c stage=NAME`` chooses; findings of cdk-nag fail it."""
    app = App()
    try:
        settings = Settings.from_context(app.node.try_get_context("stages"), app.node.try_get_context("stage"))
    except SettingsError as error:
        sys.exit(str(error))
    StatusTrackerStack(app, settings)
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    app.synth()


if __name__ == "__main__":
    main()

"""The account that the local cloud plays, and how to reach it and nothing else."""

import os

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"

# Questions that the server answers beside the AWS APIs.
FUNCTIONS_PATH = "/_local_cloud/functions"
LEFT_OUT_PATH = "/_local_cloud/left-out"
PERMISSIONS_PATH = "/_local_cloud/permissions"
ALARM_CHANGES_PATH = "/_local_cloud/alarm-changes"
# What is posted there moves the clock of the metrics and alarms.
CLOCK_PATH = "/_local_cloud/clock"
# Which dashboards and custom widgets were deployed.
PAGES_PATH = "/_local_cloud/pages"
# Where functions answer what they have made of custom resources.
CUSTOM_RESOURCES_PATH = "/_local_cloud/custom-resources"
# Pages of ours: what was deployed, and the deployed widgets and dashboards.
START_PATH = "/_local_cloud"
WIDGET_PATH = "/_local_cloud/widget"
DASHBOARD_PATH = "/_local_cloud/dashboard"


# Where a profile, a configuration file or this machine's role could be found.
_NO_OTHER_ACCOUNT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def client_environment(endpoint: str) -> dict[str, str]:
    """The variables with which ``aws``, ``boto3`` and ``cdk`` reach the local account.

    The credentials are made up: with them a request that went astray to AWS would be refused there.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # Functions run on this machine, so the layer of `status_tracker_cdk` is made for it.
        "STATUS_TRACKER_BUNDLE_FOR": "host",
        **_no_proxy(),
    }


def isolated_environment(endpoint: str) -> dict[str, str]:
    """This process's environment with all that leads to a real AWS account replaced by the local one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return {**kept, **client_environment(endpoint), **_NO_OTHER_ACCOUNT}


def forget_other_accounts() -> None:
    """Take out of this process's own environment what leads to a real AWS account, such as a profile."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update({**_NO_OTHER_ACCOUNT, **_no_proxy()})


def handler_environment(endpoint: str) -> dict[str, str]:
    """What a Lambda function's process sees of this machine: little more than it would on Lambda."""
    isolated = isolated_environment(endpoint)
    own = {name: value for name, value in isolated.items() if name.startswith("AWS_")}
    return {**own, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": ":UTC", "PYTHONNOUSERSITE": "1"}


def _no_proxy() -> dict[str, str]:
    """A proxy cannot reach this machine's localhost; what was exempt from it before stays so."""
    before = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    exempt = ",".join(dict.fromkeys(filter(None, [*before.split(","), "localhost", "127.0.0.1"])))
    return {"NO_PROXY": exempt, "no_proxy": exempt}

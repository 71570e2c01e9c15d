"""What pyproject.toml cannot say: both distributions have one version, and the constructs need the library of it."""

from runpy import run_path

from setuptools import setup  # type: ignore[import-untyped]

VERSION = run_path("status_tracker_cdk/_version.py")["__version__"]

setup(
    version=VERSION,
    install_requires=[
        f"status-tracker[powertools]=={VERSION}",
        "aws-cdk-lib>=2.275,<3",
        "constructs>=10,<11",
        "uv>=0.13",
    ],
)

"""One cloud for the whole session, and the application deployed to it once, when a test first needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from demo.tracking import deploy
from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.application import Application
from tests.local_cloud.browser import BrowserMissingError, chromium
from tests.local_cloud.support import Functions
from tests.support.missing import do_without


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud with nothing deployed to it by the CDK, unless `application` was asked for."""
    with LocalCloud(state=tmp_path_factory.mktemp("cloud")) as cloud:
        cloud.wait_until_ready()
        yield cloud


@pytest.fixture(scope="session")
def functions(cloud: LocalCloud) -> Functions:
    return Functions(cloud)


@pytest.fixture(scope="session")
def application(cloud: LocalCloud) -> LocalCloud:
    """The cloud with the application deployed to it."""
    deploy(cloud)
    return cloud


@pytest.fixture(scope="session")
def app(application: LocalCloud) -> Application:
    return Application(application)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    try:
        with chromium(tmp_path_factory.mktemp("profile")) as browser:
            yield browser
    except BrowserMissingError as missing:
        do_without(missing)

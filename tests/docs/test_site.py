"""The documentation's site: built strictly, once; complete; and it asks no other host for anything."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.local_cloud.browser import BrowserMissingError, chromium
from tests.support.missing import do_without

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
OURS = ("status_tracker", "status_tracker_cdk", "status_tracker_local", "status_tracker_ops", "status_tracker_pytest")

DECLARED = {
    ".".join(path.parent.relative_to(root).parts)
    for root in (CHECKOUT / "layer", CHECKOUT / "infra")
    for path in root.glob("status_tracker*/**/__init__.py")
    if re.search("^__all__ = ", path.read_text("utf-8"), re.MULTILINE)
}
"""The packages that say what users import from them."""
OF_ANOTHER_ROOM = {"status_tracker.dynamodb"}
"""Declared, and public in another one."""
WITHOUT_ALL = {
    "status_tracker.operations",
    "status_tracker.powertools",
    "status_tracker.scale",
    "status_tracker.sqs",
    "status_tracker.testing.moto",
    "status_tracker_ops",
}
"""Users import from these modules and, of a package, from the modules in it."""
NAMES = {
    "status_tracker_local.cloud.LocalCloud",
    "status_tracker_local.deployment.App",
    "status_tracker_local.errors.LocalCloudError",
}
"""What users import from a package that is a command for the rest."""
FUNCTIONS = re.compile(r"status_tracker_ops\.(bulk|deployed|events|intake|sweep|widget)\b")
"""What Lambda imports, and no user: the deployed functions of a pipeline."""
OF_PYNAMODB = {"DoesNotExist", "PAY_PER_REQUEST_BILLING_MODE", "PROVISIONED_BILLING_MODE"}
"""Public in our rooms, and described by PynamoDB."""


class Site:
    """The built site.

    Attributes:
        entries: the names of the reference.
        pages: the HTML of each page by its path, without the file's name; "" is the start.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        packed = (folder / "objects.inv").read_bytes().split(b"\n", 4)[4]
        self.entries = {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}
        self.pages = {
            re.sub(r"(/?index)?\.html$", "", path.relative_to(folder).as_posix()): path.read_text("utf-8")
            for path in folder.rglob("*.html")
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(  # noqa: S603 - our own documentation
        command,
        cwd=CHECKOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return Site(folder)


@pytest.mark.timeout(600)
def test_every_page_is_in_the_site(site: Site) -> None:
    """That each is in the navigation, and that each link and anchor leads somewhere, the strict build sees."""
    written = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    expected = {re.sub(r"(^|/)README$", "", page) for page in written}
    beside = {"404", "benchmarks", "benchmarks-of-counts", "changelog", "contributing", "examples", "own-app"}
    assert site.pages.keys() - expected == beside
    assert expected - site.pages.keys() == set()


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "examples/README.md",
        "examples/own_app/README.md",
        "bench/results.md",
    ],
)
def test_the_pages_beside_docs_lead_to_files_that_are_there(page: str) -> None:
    """On GitHub, too. Those of `docs/` are the strict build's."""
    targets = re.findall(r"\]\(([^)\s#]+)", (CHECKOUT / page).read_text("utf-8"))
    found = [target for target in targets if ":" not in target]
    assert [target for target in found if not ((CHECKOUT / page).parent / target).exists()] == []
    assert found


def test_commands_that_install_the_packages_name_the_wheels_folder_until_they_are_on_an_index() -> None:
    template = CHECKOUT / "layer" / "status_tracker" / "cli" / "templates" / "app" / "README.md.tmpl"
    pages = [CHECKOUT / "README.md", CHECKOUT / "examples" / "own_app" / "README.md", template, *DOCS.rglob("*.md")]
    texts = {page.relative_to(CHECKOUT).as_posix(): page.read_text("utf-8") for page in pages}
    commands = re.compile(r"^pip install .*[ '](?:status-tracker|requirements\.txt).*", re.MULTILINE)
    told = [(page, command) for page, text in texts.items() for command in commands.findall(text)]
    assert len(told) >= 6
    assert [each for each in told if "--find-links" not in each[1]] == []
    assert [page for page, text in texts.items() if "//pypi.org" in text] == []


def rooms() -> Iterator[ModuleType]:
    """The modules whose public names are public."""
    for name in sorted((DECLARED - OF_ANOTHER_ROOM) | WITHOUT_ALL):
        room = importlib.import_module(name)
        yield room
        if not hasattr(room, "__all__") and hasattr(room, "__path__"):
            for module in pkgutil.walk_packages(room.__path__, f"{name}."):
                if not FUNCTIONS.match(module.name) and not re.search(r"\._", module.name):
                    yield importlib.import_module(module.name)


def names_of_room(room: ModuleType) -> Iterator[str]:
    defined = [name for name, value in vars(room).items() if getattr(value, "__module__", None) == room.__name__]
    for name in getattr(room, "__all__", None) or [name for name in defined if not name.startswith("_")]:
        yield f"{room.__name__}.{name}"


def with_members(path: str) -> Iterator[str]:
    """The name and, of a class, the members that it has from our packages."""
    yield path
    room, _, name = path.rpartition(".")
    value = getattr(importlib.import_module(room), name)
    is_class = inspect.isclass(value) and value.__name__ == name  # not another class by a second name
    for parent in value.__mro__ if is_class else ():
        if parent.__module__.partition(".")[0] in OURS:
            yield from (
                f"{path}.{member}"
                for member in {**parent.__dict__, **inspect.get_annotations(parent)}
                if not member.startswith(("_", "test_"))
            )


def test_every_public_name_has_an_entry_in_the_reference(site: Site) -> None:
    names = {*NAMES, *(name for room in rooms() for name in names_of_room(room))}
    public = {each for name in names for each in with_members(name)}
    some = {"status_tracker.BaseTask.run_state", "status_tracker.BaseTask.delete_all"}
    assert some | {"status_tracker_local.cloud.LocalCloud.deploy", "status_tracker_pytest.tracker_memory"} <= public
    missing = {name for name in public - site.entries if name.rpartition(".")[2] not in OF_PYNAMODB}
    assert sorted(missing) == [], "add `::: name` to a page of docs/reference/"


def test_docstrings_are_shown_as_a_reader_expects_them(site: Site) -> None:
    """Names are links, examples are code, and what a class says of an attribute stands at the attribute."""
    tasks, operations = site.pages["reference/tasks"], site.pages["reference/operations"]
    assert 'href="#status_tracker.BaseTask.dispatch"><code>dispatch</code>' in tasks
    assert '<span class="nc">Step1</span>' in tasks
    step = operations.partition('id="status_tracker.operations.pipeline.PipelineStep.task_class"')[2]
    assert "<p>Its tasks.</p>" in re.split("<h[2-6]", step)[0]


def test_what_pynamodb_describes_is_named() -> None:
    text = "".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md"))
    assert [name for name in sorted(OF_PYNAMODB) if f"`{name}`" not in text] == []


def test_every_page_can_be_searched(site: Site) -> None:
    index = json.loads((site.folder / "search" / "search_index.json").read_text("utf-8"))
    found = {entry["location"].partition("#")[0].rstrip("/") for entry in index["docs"]}
    assert site.pages.keys() - found == {"404"}


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    """Where the site is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site.folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_no_page_refers_to_what_another_host_serves(site: Site) -> None:
    """A link that is followed may; what is fetched by itself may not. Drawings are the exception: see `mkdocs.yml`."""
    fetched = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//([^\"'/ >]+)")
    assert {(page, host) for page, text in site.pages.items() for host in fetched.findall(text)} == set()
    assert {page for page, text in site.pages.items() if 'class="mermaid"' in text} == {
        "architecture",
        "documents-application",
    }


def test_a_reader_finds_a_method_by_its_name(address: str, tmp_path: Path) -> None:
    try:
        with chromium(tmp_path) as browser:
            browser.get(f"{address}/index.html")
            browser.find_element(By.CSS_SELECTOR, "label.md-search__icon, label[for=__search]").click()
            browser.find_element(By.CSS_SELECTOR, "input.md-search__input").send_keys("delete_all")
            wait = WebDriverWait(browser, 60, poll_frequency=0.05)
            results = ".md-search-result__link[href*='status_tracker.BaseTask.delete_all']"
            wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, results))
            asked = "return performance.getEntriesByType('resource').map(each => new URL(each.name).origin)"
            assert set(browser.execute_script(asked)) == {address}
    except BrowserMissingError as missing:
        do_without(missing)

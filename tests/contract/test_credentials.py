"""Whatever way of having AWS credentials botocore knows, the command and the library can use it.

The command runs as a process of its own, in a home folder that has nothing but what the provider needs; a small server
stands for AWS, hands out credentials as each provider asks for them, and notes with whose key DynamoDB was asked.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from status_tracker.sessions import quick_session
from tests.support.steps import REGION

LAYER = Path(st.__file__).parents[1]
GIVEN = "ASIAGIVEN"
SECRET = "secret-of-the-test"
ROLE = "arn:aws:iam::123456789012:role/tasks"
LONG_FROM_NOW = "2099-01-01T00:00:00Z"
LONG_AGO = "2020-01-01T00:00:00Z"
START_URL = "https://example.awsapps.com/start"
SIGN_IN = f"sso_start_url = {START_URL}\nsso_region = {REGION}\n"
ROLE_OF_SIGN_IN = "sso_account_id = 123456789012\nsso_role_name = tasks\n"
BY_SESSION = f"sso_session = work\n{ROLE_OF_SIGN_IN}[sso-session work]\n{SIGN_IN}"
TASKS = """
import status_tracker as st

class Order(st.BaseTask):
    class Meta:
        table_name, region = "orders", "us-east-1"
    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make("orders", 0, 3, 6, 9, 10)
"""

_AS_JSON = {"AccessKeyId": GIVEN, "SecretAccessKey": SECRET, "Token": "token", "Expiration": LONG_FROM_NOW}
_OF_STS = f"""<{{0}}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{{0}}Result><Credentials>
<AccessKeyId>{GIVEN}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>{LONG_FROM_NOW}</Expiration></Credentials><AssumedRoleUser><Arn>{ROLE}</Arn>
<AssumedRoleId>A:a</AssumedRoleId></AssumedRoleUser></{{0}}Result></{{0}}Response>"""
_OF_SSO = {"accessKeyId": GIVEN, "secretAccessKey": SECRET, "sessionToken": "token", "expiration": 4_070_908_800_000}
_OF_SSO_OIDC = {"accessToken": "fresh", "tokenType": "Bearer", "expiresIn": 3600, "refreshToken": "next"}


class Aws(ThreadingHTTPServer):
    """Answers every request for credentials, and has an empty table.

    Attributes:
        asked: what was asked for, in order, with the access key that signed it; None where none did.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: Aws

    def do_GET(self) -> None:
        if self.path.startswith("/federation/credentials"):
            self._answer(f"sso {self.headers['x-amz-sso_bearer_token']}", {"roleCredentials": _OF_SSO})
        elif self.path == "/of-container":
            self._answer("container", _AS_JSON)
        elif self.path.endswith("/security-credentials/"):
            self._answer("instance", "tasks")
        elif self.path.endswith("/security-credentials/tasks"):
            self._answer("instance's role", {"Code": "Success", **_AS_JSON})

    def do_PUT(self) -> None:
        self._answer("instance's token", "token")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if target := self.headers["X-Amz-Target"]:
            self._answer(target.partition(".")[2], {"Count": 0, "ScannedCount": 0, "Items": []})
        elif self.path == "/token":
            self._answer("sso-oidc", _OF_SSO_OIDC)
        else:
            action = re.findall(r"Action=(\w+)", body)[0]
            self._answer(action, _OF_STS.format(action))

    def _answer(self, asked: str, answer: str | Mapping[str, Any]) -> None:
        key = re.search(r"Credential=(\w+)/", self.headers["Authorization"] or "")
        self.server.asked.append((asked, key and key[1]))
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Aws() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Home:
    """The home folder of a user; whoever wants to find what stands there."""

    folder: Path
    aws: Aws

    def config(self, text: str) -> dict[str, str]:
        return {"AWS_CONFIG_FILE": str(self.file("config", text))}

    def signed_in(self, name: str, *, expires: str = LONG_FROM_NOW, **more: str) -> None:
        """What `aws sso login` leaves behind."""
        cache = self.folder / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True)
        token = {"accessToken": "signed-in", "expiresAt": expires, "region": REGION, "startUrl": START_URL, **more}
        (cache / f"{hashlib.sha1(name.encode()).hexdigest()}.json").write_text(json.dumps(token))  # noqa: S324

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


@pytest.fixture
def home(tmp_path: Path, aws: Aws) -> Home:
    (tmp_path / "orders.py").write_text(TASKS)
    return Home(tmp_path, aws)


def sso_session(home: Home) -> dict[str, str]:
    home.signed_in("work")
    return home.config(f"[default]\n{BY_SESSION}")


def sso_session_to_renew(home: Home) -> dict[str, str]:
    home.signed_in(
        "work",
        expires=LONG_AGO,
        clientId="client",
        clientSecret=SECRET,
        refreshToken="again",
        registrationExpiresAt=LONG_FROM_NOW,
    )
    return home.config(f"[default]\n{BY_SESSION}")


def sso_of_old(home: Home) -> dict[str, str]:
    home.signed_in(START_URL)
    return home.config(f"[default]\n{SIGN_IN}{ROLE_OF_SIGN_IN}")


def role_of_another_profile(home: Home) -> dict[str, str]:
    own = f"[profile own]\naws_access_key_id = AKIAOWN\naws_secret_access_key = {SECRET}\n"
    return home.config(f"[default]\nrole_arn = {ROLE}\nsource_profile = own\n{own}")


def role_of_web_identity_by_profile(home: Home) -> dict[str, str]:
    token = home.file("token", "web-identity")
    return home.config(f"[default]\nrole_arn = {ROLE}\nweb_identity_token_file = {token}\n")


def role_of_web_identity_by_environment(home: Home) -> dict[str, str]:
    return {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(home.file("token", "web-identity"))}


def role_of_a_sign_in(home: Home) -> dict[str, str]:
    """A role that is assumed by whoever has signed in."""
    home.signed_in("work")
    return home.config(f"[default]\nrole_arn = {ROLE}\nsource_profile = in\n[profile in]\n{BY_SESSION}")


def credential_process(home: Home) -> dict[str, str]:
    given = home.file("given.json", json.dumps({"Version": 1, **_AS_JSON, "SessionToken": "token"}))
    return home.config(f"[default]\ncredential_process = cat {given}\n")


def container(home: Home) -> dict[str, str]:
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{home.aws.url}/of-container"}


def instance(home: Home) -> dict[str, str]:
    return {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": home.aws.url}


PROVIDERS: dict[Callable[[Home], dict[str, str]], list[tuple[str, str | None]]] = {
    sso_session: [("sso signed-in", None)],
    sso_session_to_renew: [("sso-oidc", None), ("sso fresh", None)],
    sso_of_old: [("sso signed-in", None)],
    role_of_another_profile: [("AssumeRole", "AKIAOWN")],
    role_of_web_identity_by_profile: [("AssumeRoleWithWebIdentity", None)],
    role_of_web_identity_by_environment: [("AssumeRoleWithWebIdentity", None)],
    role_of_a_sign_in: [("sso signed-in", None), ("AssumeRole", GIVEN)],
    credential_process: [],
    container: [("container", None)],
    instance: [("instance's token", None), ("instance", None), ("instance's role", None)],
}
"""What a provider needs, and what it asks for before DynamoDB is asked."""


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.__name__)
def test_the_command_works_with_the_credentials_of(
    provider: Callable[[Home], dict[str, str]], home: Home, aws: Aws
) -> None:
    done = run_list(home, provider(home))
    assert done.returncode == 0, done.stderr
    assert list(dict.fromkeys(aws.asked)) == [*PROVIDERS[provider], ("Query", GIVEN)]


def test_a_sign_in_that_is_over_is_told_with_what_to_do(home: Home, aws: Aws) -> None:
    home.signed_in("work", expires=LONG_AGO)
    done = run_list(home, home.config(f"[default]\n{BY_SESSION}"))
    assert (done.returncode, aws.asked) == (3, [])
    assert "run aws sso login" in done.stderr


@pytest.mark.parametrize("environment", ["keys", "web identity"])
def test_a_profile_that_is_asked_for_goes_before_the_environment(home: Home, aws: Aws, environment: str) -> None:
    config = home.config(f"[profile own]\naws_access_key_id = AKIAOWN\naws_secret_access_key = {SECRET}\n")
    others = {
        "keys": {"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "token"},
        "web identity": role_of_web_identity_by_environment(home),
    }
    done = run_list(home, {**config, **others[environment]}, "--profile", "own")
    assert done.returncode == 0, done.stderr
    assert set(aws.asked) == {("Query", "AKIAOWN")}


def run_list(home: Home, settings: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{LAYER}:{home.folder}",
        "HOME": str(home.folder),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": home.aws.url,
        **settings,
    }
    command = [sys.executable, "-m", "status_tracker.cli", "ls", "--task", "orders:Order", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize("service", ["sts", "sso", "sso-oidc", "signin"])
def test_a_session_makes_the_clients_of(service: str) -> None:
    """By those all providers of credentials get theirs."""
    assert quick_session().create_client(service, region_name=REGION).meta.service_model.service_name == service

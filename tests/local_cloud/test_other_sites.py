"""Sites that a browser on this machine has open reach nothing of the local cloud; programs and its own pages do."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from status_tracker_local.cloud import LocalCloud


def ask(cloud: LocalCloud, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of the answer to a GET; the port stands for ``PORT`` in a header."""
    port = urlsplit(cloud.widget_url).port
    connection = http.client.HTTPConnection("localhost", port, timeout=30)
    sent = {name.replace("_", "-"): value.replace("PORT", str(port)) for name, value in headers.items()}
    connection.request("GET", path, headers=sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@pytest.fixture
def bucket(cloud: LocalCloud) -> str:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="other-sites")
    s3.put_object(Bucket="other-sites", Key="object", Body=b"x", ACL="public-read")
    return "other-sites"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example:PORT"},
        {"Host": "localhost.attacker.example:PORT"},
        {"Host": "attackerlocalhost:PORT"},
        {"Host": ""},
        {"Origin": "https://attacker.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_other_sites_are_refused(cloud: LocalCloud, headers: dict[str, str]) -> None:
    for path in ("/other-sites/object", "/?Action=ListQueues", "/moto-api/data.json", "/_local_cloud/functions"):
        status, text = ask(cloud, path, **headers)
        assert (status, text.startswith("The local cloud answers ")) == (403, True)


def test_programs_and_own_pages_are_answered(cloud: LocalCloud, bucket: str) -> None:
    path = f"/{bucket}/object"
    assert ask(cloud, path) == (200, "x")
    assert ask(cloud, path, Host="127.0.0.1:PORT") == (200, "x")
    assert ask(cloud, path, Origin="http://localhost:PORT", Sec_Fetch_Site="same-origin") == (200, "x")
    assert ask(cloud, "/object", Host=f"{bucket}.localhost:PORT") == (200, "x")

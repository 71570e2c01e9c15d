"""docs/your-own-use-case.md, deployed beside the application: a third step, and notifications without a workflow.

Its name makes it the last: others look for *the* function of a name, and from here on there are two of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.deployment import App
from tests.local_cloud.application import Application, sample
from tests.local_cloud.support import wait_for
from tests.support.guide import changes, copied_checkout

ARCHIVED, NOTIFIED, IGNORED = 140, 40, 50


class Partner(ThreadingHTTPServer):
    """Answers an order with the statuses that its event lists, one a request, then with 200; counts the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.told: Counter[str] = Counter()
        self.forgiving = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Webhook(BaseHTTPRequestHandler):
    server: Partner

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers = [] if self.server.forgiving else event["answers"]
        before = self.server.told[event["order"]]
        self.server.told[event["order"]] += 1
        self.send_response(answers[before] if before < len(answers) else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with Partner() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Own:
    """The guide's checkout, deployed as the stage ``own``."""

    def __init__(self, cloud: LocalCloud, checkout: Path) -> None:
        self.checkout = checkout
        self.cloud = cloud
        self.app = Application(cloud, "status-tracker-own")
        self.outputs = self.app.outputs
        self.sqs = cloud.client("sqs")

    def run(self, use_case_id: str, code: str) -> str:
        """What the code prints, in the environment that the guide gives to its commands."""
        told = {"USE_CASE_ID": use_case_id, "MAX_ATTEMPTS": "3", "TASK_TABLE_NAME": self.outputs["TaskTableName"]}
        told |= {"WORKFLOW_ARN": self.outputs["WorkflowArn"], "QUEUE_URL": self.outputs["NotificationQueueUrl"]}
        ran = subprocess.run(  # noqa: S603 - our own documentation
            [sys.executable, "-c", code],
            cwd=self.checkout,
            env={**os.environ, **self.cloud.environment, **told, "PYTHONPATH": "layer:lambdas"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def notifications(self) -> dict[str, int]:
        """The status of each notification."""
        code = (
            "import json; from notifications.tasks import NotifyTask as T; "
            "print(json.dumps({t.task_id: t.status for t in T.query_by_status([10, 20, 30, 40, 50], limit=100)}))"
        )
        statuses: dict[str, int] = json.loads(self.run("notifications", code))
        return statuses

    def messages(self, queue: str) -> int:
        """How many messages are in the queue of that output, in flight or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=names)["Attributes"]
        return sum(int(number) for number in found.values())


@pytest.fixture(scope="module")
def own(application: LocalCloud, partner: Partner, tmp_path_factory: pytest.TempPathFactory) -> Own:
    checkout = copied_checkout(tmp_path_factory.mktemp("checkout"))
    for change in changes():
        change.apply(checkout)
    settings = json.loads((checkout / "cdk.json").read_text())
    settings["context"]["stages"]["own"] = settings["context"]["stages"]["local"]
    settings["context"]["webhook_url"] = partner.url
    (checkout / "cdk.json").write_text(json.dumps(settings))
    application.deploy(App(checkout, context={"stage": "own"}))
    return Own(application, checkout)


def archived(own: Own, task_id: str) -> Any:
    """The task, when it has ended in the third step."""

    def look() -> Any:
        task = own.app.task(task_id)
        return task if task and task.status == ARCHIVED else None

    return wait_for(f"{task_id} in the archive", look)


def test_a_document_ends_in_the_third_step(own: Own) -> None:
    task_id = own.app.upload("2026/invoice.pdf", sample("invoice-1001"))
    task = archived(own, task_id)
    assert (task.fence, task.errors["history"]) == (3, [])
    bucket, _, key = task.data["archived"]["result"].removeprefix("s3://").partition("/")
    assert key.startswith(f"archive/{task.create_time:%Y-%m-%d}/")
    filed = json.load(own.app.s3.get_object(Bucket=bucket, Key=key)["Body"])
    assert filed["document"] == "2026/invoice.pdf"
    assert {each["id"]: each["answer"] for each in filed["answers"]}["total"] == "EUR 1,190.00"
    assert own.app.executions(task_id) == ["SUCCEEDED"]


def test_a_document_from_before_is_archived_by_a_new_run(own: Own) -> None:
    printed = own.run(
        "pdf_processing",
        f"""
from status_tracker_ops.clients import s3_client
from documents.settings import ANSWERS
from documents.storage import write_result
from documents.tasks import ArchiveTask
# As it was left by the two steps of the stack before.
ArchiveTask.make_and_save("old.pdf#1", data={{"key": "old.pdf"}}, _status=90)
write_result(s3_client(), {own.outputs["ResultBucketName"]!r}, "old.pdf#1", ANSWERS, {{"answers": []}})
for task in ArchiveTask.query_by_status(ArchiveTask.config.pending_status):
    ArchiveTask.dispatch(ArchiveTask.rerun(task.task_id, reason="to the archive"))
    print(task.task_id)
""",
    )
    assert printed.split() == ["old.pdf#1"]
    task = archived(own, "old.pdf#1")
    assert (task.run, task.fence, task.errors["history"]) == (1, 1, [])
    assert own.app.executions("old.pdf#1") == ["SUCCEEDED"]


def test_every_notification_ends_as_it_should(own: Own, partner: Partner) -> None:
    answers = {"flaky": [503, 503], "hopeless": [500] * 9, "refused": [410]}
    orders = ["flaky", "hopeless", "refused", *(f"twice-{n}" for n in range(4) for _ in "12"), *map(str, range(8))]
    bodies = ["no json"]
    bodies += [json.dumps({"id": o, "event": {"order": o, "answers": answers.get(o, [])}}) for o in orders]
    assert len(bodies) == 20
    for first in range(0, 20, 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[first : first + 10])]
        own.sqs.send_message_batch(QueueUrl=own.outputs["NotificationQueueUrl"], Entries=entries)

    wait_for("an empty queue", lambda: own.messages("NotificationQueueUrl") == 0)
    ended = dict.fromkeys(orders, NOTIFIED) | dict.fromkeys(("hopeless", "refused"), IGNORED)
    assert own.notifications() == ended
    assert partner.told == Counter({**dict.fromkeys(orders, 1), "flaky": 3, "hopeless": 3})
    assert own.messages("NotificationDeadLetterQueueUrl") == 1
    dead = own.sqs.receive_message(QueueUrl=own.outputs["NotificationDeadLetterQueueUrl"])["Messages"]
    assert [message["Body"] for message in dead] == ["no json"]
    (log,) = own.cloud.logs.glob("*Notifications*.log")
    assert "Message refused: JSONDecodeError" in log.read_text()

    partner.forgiving = True
    own.run(
        "notifications",
        """
from notifications.tasks import NotifyTask
for task in NotifyTask.query_by_status(NotifyTask.config.ignored_status, auto_refresh=True):
    NotifyTask.dispatch(NotifyTask.rerun(task.task_id, reason="the partner is back"))
""",
    )
    wait_for("what was set aside", lambda: set(own.notifications().values()) == {NOTIFIED})
    assert own.messages("NotificationQueueUrl") == 0

"""The process that is the account: moto's server, the Lambda functions, the pollers of their event sources, schedules.

Started by `status_tracker_local.cloud.LocalCloud`, which also opens the port: who connects early waits instead of being
refused. Beside the AWS APIs the server answers questions of ours, see `Questions`, and shows what was deployed, its
widgets and its dashboards.
"""

import gc
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from status_tracker_local.account import (
    ALARM_CHANGES_PATH,
    CLOCK_PATH,
    CUSTOM_RESOURCES_PATH,
    DASHBOARD_PATH,
    FUNCTIONS_PATH,
    LEFT_OUT_PATH,
    PAGES_PATH,
    PERMISSIONS_PATH,
    START_PATH,
    WIDGET_PATH,
    handler_environment,
)
from status_tracker_local.deployed import DeployedFunctions
from status_tracker_local.deployed_widgets import page_paths
from status_tracker_local.event_sources import poll_event_sources
from status_tracker_local.event_targets import EventTargets
from status_tracker_local.functions import Functions
from status_tracker_local.keep_alive import KeepAliveHandler
from status_tracker_local.left_out import leave_out_outputs, left_out
from status_tracker_local.missing_services import answer_for_missing_services
from status_tracker_local.monitoring.dashboard_page import DashboardPage
from status_tracker_local.monitoring.monitor import Monitor
from status_tracker_local.moto_custom_resources import take_answer
from status_tracker_local.moto_patches import apply_patches
from status_tracker_local.moto_roles import hold_to_roles
from status_tracker_local.other_sites import Application, refuse_other_sites
from status_tracker_local.permissions.judge import Judge
from status_tracker_local.permissions.layer import enforce_permissions
from status_tracker_local.permissions.services import alarm_may_notify, schedule_may_invoke
from status_tracker_local.refused_templates import refuse_templates
from status_tracker_local.scheduler import run_schedules
from status_tracker_local.start_page import start_page
from status_tracker_local.widget_page import WidgetPage

# By default it is 700, which a few requests make.
_OBJECTS_BETWEEN_COLLECTIONS = 10_000


def main() -> None:
    """Serve until killed. Arguments: listening socket, state folder, the handlers' Python interpreter."""
    listener, state, python = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logs = state / "logs"
    judge = Judge()
    monitor = Monitor(logs, partial(alarm_may_notify, judge))
    functions = Functions(observer=monitor.invocations, python=python, unpacked=state / "functions", logs=logs)
    deployed = DeployedFunctions(functions, handler_environment(os.environ["AWS_ENDPOINT_URL"]), judge)
    pages: dict[str, Application] = {
        START_PATH: start_page,
        CUSTOM_RESOURCES_PATH: take_answer,
        WIDGET_PATH: WidgetPage(deployed.invoke_by_arn),
        DASHBOARD_PATH: DashboardPage(monitor),
    }
    aws = enforce_permissions(answer_for_missing_services(DomainDispatcherApplication(create_backend_app)), judge)
    application = refuse_other_sites(_with_questions(aws, pages, Questions(functions, monitor, judge)))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=KeepAliveHandler, fd=listener)
    os.environ["MOTO_PORT"] = str(server.port)  # the executor of state machines looks there
    apply_patches(deployed)
    leave_out_outputs()
    hold_to_roles(judge, aws)
    EventTargets(deployed.accept_by_arn, judge).install()
    refuse_templates()
    monitor.watch_requests()
    polling = (deployed, judge, monitor.invocations.iterator_age)
    threading.Thread(target=poll_event_sources, args=polling, daemon=True).start()
    may_invoke = partial(schedule_may_invoke, judge)
    threading.Thread(target=run_schedules, args=(deployed.accept_by_arn, may_invoke), daemon=True).start()
    threading.Thread(target=monitor.run, daemon=True).start()
    _collect_garbage_seldom()
    server.serve_forever()


def _collect_garbage_seldom() -> None:
    """Nearly all that the server holds stays: to look through it for garbage every few requests takes long."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


def _with_questions(aws: Application, pages: Mapping[str, Application], questions: "Questions") -> Application:
    def application(environ: dict[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in pages:
            return pages[path](environ, start_response)
        try:
            answer = questions.answer(path, environ["REQUEST_METHOD"], parse_qs(environ.get("QUERY_STRING", "")))
        except ValueError as error:
            start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
            return [str(error).encode()]
        if answer is None:
            return aws(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    return application


class Questions:
    """What the server answers beside the AWS APIs and the pages."""

    def __init__(self, functions: Functions, monitor: Monitor, judge: Judge) -> None:
        self._functions = functions
        self._monitor = monitor
        self._judge = judge

    def answer(self, path: str, method: str, query: Mapping[str, list[str]]) -> object:
        """The answer, as JSON; None where it is no question of ours.

        Raises:
            ValueError: what is asked makes no sense.
        """
        asked = "POST" if path == CLOCK_PATH else method
        answers: Mapping[str, Callable[[], object]] = {
            FUNCTIONS_PATH: self._functions.processes,
            LEFT_OUT_PATH: lambda: left_out(query["stack"][0]),
            PAGES_PATH: page_paths,
            ALARM_CHANGES_PATH: lambda: self._monitor.changes(after=int(query["after"][0])),
            CLOCK_PATH: lambda: self._monitor.forward(float(query["seconds"][0]) if "seconds" in query else None),
            PERMISSIONS_PATH: self._judge.checks.report,
        }
        return answers[path]() if path in answers and method == asked else None


if __name__ == "__main__":
    main()

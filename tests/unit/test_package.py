"""What importing the library brings, and what its names promise."""

from __future__ import annotations

import ast
import importlib.resources
import inspect
import json
import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import status_tracker as st
from status_tracker.core import errors
from tests.unit.steps import NOON

LAYER = Path(st.__file__).parents[1]
PURE = {"config", "errors", "history", "lifecycle", "port", "refusals", "state"}
BACKENDS = ("pynamodb", "sqlalchemy", "boto3", "botocore", "aws_lambda_powertools", "moto")
ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


def in_a_fresh_process(program: str) -> list[str]:
    """The list that a program prints as JSON."""
    program = f"import json, sys; sys.path.insert(0, {str(LAYER)!r})\n{program}"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    result: list[str] = json.loads(done.stdout)
    return result


# Imports


def test_importing_the_library_imports_no_backend() -> None:
    loaded = in_a_fresh_process("import status_tracker as st; dir(st); print(json.dumps(sorted(sys.modules)))")
    assert "status_tracker.core.lifecycle" in loaded
    assert [name for name in loaded if name.split(".")[0] in BACKENDS] == []
    assert [name for name in loaded if name.startswith("status_tracker.dynamodb")] == []


def test_the_dynamodb_names_come_on_first_use() -> None:
    program = """
import status_tracker as st
first = st.BaseTask
from status_tracker import StatusAndUpdateTimeIndex, TaskQuery
assert first is st.BaseTask is sys.modules["status_tracker.dynamodb"].BaseTask
print(json.dumps(["pynamodb" in sys.modules, "sqlalchemy" in sys.modules]))
"""
    assert in_a_fresh_process(program) == [True, False]


@pytest.mark.parametrize(
    ("backend", "needs"),
    [
        ("dynamodb", {"pynamodb", "botocore"}),
        ("compat", {"pynamodb", "botocore"}),
        ("sql", {"sqlalchemy"}),
        ("abstract", set()),
        ("testing", set()),
    ],
)
def test_importing_one_backend_imports_no_other_s_dependency(backend: str, needs: set[str]) -> None:
    loaded = in_a_fresh_process(f"import status_tracker.{backend}; print(json.dumps(sorted(sys.modules)))")
    assert {name.split(".")[0] for name in loaded} & {*BACKENDS, "attrs", "pydantic", "psycopg", "pytest"} == needs


FIRST_START = """
import status_tracker as st
from botocore.awsrequest import AWSResponse

class Step(st.BaseTask):
    class Meta:
        table_name, region, host = "tasks", "us-east-1", "http://127.0.0.1:1"
        aws_access_key_id = aws_secret_access_key = "test"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make(
        use_case_id="test", pending_status=10, in_progress_status=20, failed_status=30, succeeded_status=40,
        ignored_status=50,
    )

class Body(list):
    def stream(self):
        return iter(self)

def answer(request, **_):
    refusal = {"__type": "ConditionalCheckFailedException", "message": "The conditional request failed"}
    status, told = (200, {}) if "GetItem" in str(request.headers["X-Amz-Target"]) else (400, refusal)
    return AWSResponse(request.url, status, {}, Body([json.dumps(told).encode()]))

Step._get_connection().connection.client.meta.events.register("before-send.dynamodb", answer)
try:
    Step.start("t-1").__enter__()
except st.TaskIsNotInitializedError:
    print(json.dumps(sorted(sys.modules)))
"""
NOT_FOR_A_START = {
    *("asyncio", "boto3", "concurrent.futures.thread", "sqlalchemy"),
    *("status_tracker.aio.blocks", "status_tracker.aio.queries", "status_tracker.aio.threads"),
    *(f"status_tracker.dynamodb.{name}" for name in ("batch_get", "count_items", "counts", "marks", "query", "survey")),
    *("status_tracker.operations", "status_tracker.testing"),
}


def test_a_first_start_imports_nothing_that_it_does_not_need() -> None:
    assert NOT_FOR_A_START & set(in_a_fresh_process(FIRST_START)) == set()


def test_what_a_start_must_not_import_exists() -> None:
    assert [name for name in NOT_FOR_A_START if find_spec(name) is None] == []


@pytest.mark.parametrize(
    ("missing", "importing", "extra"),
    [
        ("pynamodb", "import status_tracker as st; st.BaseTask", "dynamodb"),
        ("pynamodb", "import status_tracker.dynamodb", "dynamodb"),
        ("pynamodb", "import status_tracker.compat", "dynamodb"),
        ("pynamodb", "import status_tracker.sqs", "dynamodb"),
        ("sqlalchemy", "import status_tracker.sql", "sql"),
        ("aws_lambda_powertools", "import status_tracker.powertools", "powertools"),
    ],
)
def test_the_library_works_without_its_extras_and_names_the_one_to_install(
    missing: str, importing: str, extra: str
) -> None:
    program = f"""
sys.modules[{missing!r}] = None
import status_tracker, status_tracker.testing, status_tracker.abstract
try:
    {importing}
except ImportError as error:
    print(json.dumps([error.name, str(error)]))
"""
    expected = f"status_tracker.{extra} needs {missing}: pip install 'status-tracker[{extra}]'"
    assert in_a_fresh_process(program) == [missing, expected]


@pytest.mark.parametrize("module", sorted(PURE))
def test_the_rules_import_only_one_another_and_nothing_that_does_io(module: str) -> None:
    tree = ast.parse((LAYER / "status_tracker" / "core" / f"{module}.py").read_text(encoding="utf-8"))
    ours, others = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            ours.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            others.add(node.module)
        elif isinstance(node, ast.Import):
            others |= {alias.name for alias in node.names}
    assert ours <= PURE
    assert others <= {
        "__future__",
        "collections.abc",
        "dataclasses",
        "datetime",
        "enum",
        "json",
        "math",
        "re",
        "traceback",
        "types",
        "typing",
    }


# Names


def test_every_public_name_is_there() -> None:
    assert len(set(st.__all__)) == len(st.__all__)
    for name in st.__all__:
        assert getattr(st, name) is not None
    assert set(st.__all__) <= set(dir(st))


def test_every_error_is_public() -> None:
    assert {kind.__name__ for kind in ERRORS} <= set(st.__all__)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"'status_tracker' has no attribute 'Bogus'"):
        st.Bogus  # noqa: B018
    with pytest.raises(ImportError):
        from status_tracker import Bogus  # noqa: F401, PLC0415
    assert not hasattr(st, "Bogus")


def test_the_types_are_shipped() -> None:
    assert importlib.resources.files("status_tracker").joinpath("py.typed").is_file()


# Errors


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_errors_survive_pickling_with_what_they_carry(kind: type[Exception]) -> None:
    error = kind("what was found", **({"retry_after": 60} if kind is st.Postponed else {}))
    if isinstance(error, errors.TaskExecutionError):
        error.use_case_id, error.task_id = "test", "t-1"
    extras = {"status": 20, "until": NOON, "not_before": NOON, "given_up_now": True}
    for name in extras.keys() & set(dir(error)):
        setattr(error, name, extras[name])
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is kind
    assert str(copy) == "what was found"
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_errors_have_one_root(kind: type[Exception]) -> None:
    assert issubclass(kind, st.TaskExecutionError) is (kind not in {st.NonRetryableError, st.Postponed})


@pytest.mark.parametrize(
    "kind",
    [
        st.TaskIsNotInitializedError,
        st.TaskLockedError,
        st.TaskAlreadySucceedError,
        st.TaskIgnoredError,
        st.TaskNotDueError,
    ],
)
def test_r2_the_errors_are_a_family(kind: type[Exception]) -> None:
    assert issubclass(kind, st.TaskIsNotReadyToStartError)
    assert issubclass(st.TaskIsNotReadyToStartError, st.TaskExecutionError)


# Statuses


class Step1Status(st.BaseStatusEnum):
    pending = 10
    in_progress = 20
    failed = 30
    succeeded = 40
    ignored = 50


def test_status_enum_helpers() -> None:
    assert Step1Status.value_to_name(10) == "pending"
    assert Step1Status.pending.status_name == "pending"
    assert Step1Status.pending.values() == Step1Status.values() == [10, 20, 30, 40, 50]
    assert Step1Status.from_value(40) is Step1Status.succeeded
    assert [name.value for name in st.StatusNameEnum] == [status.status_name for status in Step1Status]


@pytest.mark.parametrize("look_up", [Step1Status.value_to_name, Step1Status.from_value])
def test_an_unknown_code(look_up: object) -> None:
    with pytest.raises(ValueError, match="77"):
        look_up(77)  # type: ignore[operator]


@pytest.mark.parametrize("status", [Step1Status.failed, 30])
def test_ensure_status_value(status: int) -> None:
    value = st.ensure_status_value(status)
    assert value == 30
    assert type(value) is int

"""What cfn-lint says of every template, and the validator of the Amazon States Language of every state machine."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from cfnlint.match import Match

from tests.infra.own_app import STACKS, own_stacks
from tests.infra.state_machines import definitions, judged
from tests.infra.synthesis import Synthesized, readable
from tests.infra.variants import SETTINGS, VARIANTS, WORKER, synthesized

ON_A_ROLE = "W3005"
"""The only finding that is accepted: CDK has what takes a role depend on all of the role, also on a policy that would
be a resource of its own. Ours are in the role itself, so that the reference to the role says as much.
"""


def findings(template: Mapping[str, Any]) -> Sequence[Match]:
    """What cfn-lint finds."""
    return lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"]))


def is_about_a_role(match: Match, template: Mapping[str, Any]) -> bool:
    """Whether it is the accepted finding: that a reference to a role makes a dependency on it superfluous."""
    if match.rule.id != ON_A_ROLE:
        return False
    _, resource, attribute, number = match.path
    depends_on = template["Resources"][resource][attribute][number]
    return bool(template["Resources"][depends_on]["Type"] == "AWS::IAM::Role")


def any_stack(name: str) -> Synthesized:
    """That variant, or that stack of an application of somebody else."""
    return own_stacks()[name] if name in STACKS else synthesized(name)


@pytest.mark.parametrize("name", [*VARIANTS, *STACKS])
def test_cfn_lint_finds_nothing_but_what_is_explained(name: str) -> None:
    template = any_stack(name).template
    found = findings(template)
    assert any(is_about_a_role(match, template) for match in found), "no finding needs to be accepted any more"
    others = [match for match in found if not is_about_a_role(match, template)]
    assert [f"{match.rule.id} {match.message} at {match.path}" for match in others] == []


def test_cfn_lint_would_find_what_cloudformation_would_refuse(prod: Synthesized) -> None:
    template = copy.deepcopy(prod.template)
    resources = template["Resources"]
    table, sweep, queue = (
        next(name for name in resources if readable(name) == wanted)
        for wanted in ("TasksTable", "OperationsSweepFunction", "DocumentIntakeQueue")
    )
    resources[table]["Properties"]["BillingMod"] = "PAY_PER_REQUEST"
    resources[sweep]["Properties"]["Timeout"] = 901
    resources[sweep]["Properties"]["Environment"]["Variables"]["OF"] = {"Ref": "Nothing"}
    resources[queue]["Properties"]["VisibilityTimeout"] = 1
    resources[sweep]["DependsOn"].append(table)
    found = {(match.rule.id, match.path[1]) for match in findings(template) if not is_about_a_role(match, template)}
    assert found == {
        ("E3002", table),  # no such property
        ("E3717", sweep),  # longer than Lambda runs a function
        ("E1020", sweep),  # a reference to what is not there
        ("E3505", queue),  # visible again while the function still works on it
        ("W3005", sweep),  # superfluous, and on no role
    }


def test_every_state_machine_is_valid(tmp_path: Path) -> None:
    of_variants = {name: definitions(any_stack(name)) for name in (*VARIANTS, *STACKS)}
    ours = {**dict.fromkeys(SETTINGS, 4), "deletes": 5, WORKER: 0}
    others = {"Shop-prod": 7, "Shop-test": 7, "Bare": 0, "Parts": 1}
    assert {name: len(found) for name, found in of_variants.items()} == ours | others
    # Many are the same in several variants.
    named = {
        json.dumps(definition): f"{machine} of {name}"
        for name, found in of_variants.items()
        for machine, definition in found.items()
    }
    machines = {name: json.loads(definition) for definition, name in named.items()}
    assert {name: wrong for name, wrong in judged(machines, tmp_path).items() if wrong} == {}


def broken(machine: Mapping[str, Any], state: str, **changes: Any) -> dict[str, Any]:
    definition: dict[str, Any] = copy.deepcopy(dict(machine))
    definition["States"][state] |= changes
    return definition


def test_a_state_machine_that_cannot_be_made_would_be_found(prod: Synthesized, tmp_path: Path) -> None:
    machines = definitions(prod)
    workflow, backfill = machines["WorkflowStateMachine"], machines["BackfillStateMachine"]
    wrong = {
        "as it is": workflow,
        "a state that is not there": broken(workflow, "Extract", Next="Anser"),
        "a state of no type": broken(workflow, "Answer", Type="Tusk"),
        "a resource that is none": broken(workflow, "Extract", Resource="lambda:invoke"),
        "a path that is none": broken(backfill, "Done", OutputPath="summary"),
        "retries of no number": broken(backfill, "Plan", Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": "9"}]),
        "a state that nothing leads to": {**workflow, "States": {**workflow["States"], "Lost": {"Type": "Succeed"}}},
    }
    found = judged(wrong, tmp_path)
    assert {name for name, complaint in found.items() if not complaint} == {"as it is"}
    assert found["a state that is not there"].endswith("target: Anser")
    assert found["a state that nothing leads to"] == "MISSING_TRANSITION_TARGET: State Lost is not reachable"

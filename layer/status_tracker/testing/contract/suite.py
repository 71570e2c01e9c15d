"""`ContractSuite`: all rules that a backend is held to."""

from __future__ import annotations

from .actions import ActionRules
from .cancelling import CancelRules
from .creating import CreateRules
from .deleting import DeleteRules
from .late_writes import LateRules
from .leases import HoldingRules
from .limits import LimitRules
from .lost_answers import AnswerRules
from .outcomes import OutcomeRules
from .postponing import PostponeRules
from .racing import RaceRules
from .starting import StartingRules
from .tracing import TellingRules


class ContractSuite(
    StartingRules,
    CreateRules,
    HoldingRules,
    AnswerRules,
    LateRules,
    OutcomeRules,
    LimitRules,
    ActionRules,
    CancelRules,
    DeleteRules,
    PostponeRules,
    TellingRules,
    RaceRules,
):
    """Tests for pytest that hold a backend to the rules of `docs/lifecycle.md`, by whose numbers they are named.

    Derive a class of your own and give it your backend's driver, see `Backend`::

        from status_tracker.testing.contract import ContractSuite

        class TestMine(ContractSuite):
            @pytest.fixture
            def backend(self, tmp_path):
                return MyDriver(tmp_path)

    A test wants tasks that no other test has made: a folder, a table or a use case of its own. What the driver does not
    list among its `promises` is asserted to be missing in the way that `Promise` tells; no test is skipped.

    No test waits: the clock is the test's, and the pauses between repeated writes move it.
    """

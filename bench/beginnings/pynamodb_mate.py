"""pynamodb_mate's status tracker."""

import sys

import pynamodb_mate.api as pm  # type: ignore[import-not-found]  # only .venv-bench has it

st = pm.patterns.status_tracker


class Step(st.BaseTask):  # type: ignore[misc, name-defined]
    class Meta:
        table_name = sys.argv[2]
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"
        host = sys.argv[1]
        aws_access_key_id = "local"
        aws_secret_access_key = "local"  # noqa: S105  # the engine asks for none

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make(
        use_case_id="bench",
        pending_status=10,
        in_progress_status=20,
        failed_status=30,
        succeeded_status=40,
        ignored_status=50,
        n_pending_shard=5,
        n_in_progress_shard=5,
        n_failed_shard=5,
        n_succeeded_shard=5,
        n_ignored_shard=5,
    )


if sys.argv[3:]:
    task = Step.start(sys.argv[3]).__enter__()
else:
    client = Step._get_connection().connection.client

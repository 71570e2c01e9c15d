"""status_tracker."""

import sys

import status_tracker as st


class Step(st.BaseTask):
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
    ctx = Step.start(sys.argv[3]).__enter__()
    data = ctx.task.data
else:
    client = Step._get_connection().connection.client

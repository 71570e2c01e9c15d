"""From the bucket to the intake function, and to the dead letter queue."""

from __future__ import annotations

from tests.infra.synthesis import Synthesized

MAPPING = "AWS::Lambda::EventSourceMapping"
QUEUE = "AWS::SQS::Queue"


def test_bucket_tells_eventbridge_through_its_own_property(stage: Synthesized) -> None:
    bucket = stage.properties("AWS::S3::Bucket", "Documents")
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_no_custom_resources(stage: Synthesized) -> None:
    types = {resource["Type"] for resource in stage.template["Resources"].values()}
    assert not [t for t in types if t.startswith("Custom::") or t == "AWS::CloudFormation::CustomResource"]


def test_rule_takes_every_new_document_of_this_bucket_to_the_queue(stage: Synthesized) -> None:
    rule = stage.properties("AWS::Events::Rule")
    assert rule["State"] == "ENABLED"
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["<BucketsDocuments>"]}},
    }
    [target] = rule["Targets"]
    assert target["Arn"] == "<DocumentIntakeQueue.Arn>"


def test_event_that_cannot_be_put_on_the_queue_is_kept(stage: Synthesized) -> None:
    [target] = stage.properties("AWS::Events::Rule")["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": "<DocumentIntakeDeadLetterQueue.Arn>"}
    for queue in ("DocumentIntakeQueue", "DocumentIntakeDeadLetterQueue"):
        statements = stage.properties("AWS::SQS::QueuePolicy", queue)["PolicyDocument"]["Statement"]
        [allowed] = [s for s in statements if s["Effect"] == "Allow"]
        assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
        assert allowed["Resource"] == f"<{queue}.Arn>"
        assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": "<DocumentIntakeObjectCreated.Arn>"}}


def test_message_stays_hidden_for_six_timeouts_and_the_window(stage: Synthesized) -> None:
    queue = stage.properties(QUEUE, "IntakeQueue")
    timeout = stage.properties("AWS::Lambda::Function", "Intake")["Timeout"]
    window = stage.properties(MAPPING, "DocumentIntake")["MaximumBatchingWindowInSeconds"]
    assert queue["VisibilityTimeout"] >= 6 * timeout + window


def test_message_that_fails_again_and_again_is_set_aside(stage: Synthesized) -> None:
    queue, dead_letters = (stage.properties(QUEUE, name) for name in ("IntakeQueue", "IntakeDeadLetterQueue"))
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": "<DocumentIntakeDeadLetterQueue.Arn>",
        "maxReceiveCount": stage.settings.intake.intake_max_receives,
    }
    # The age of a message counts from its first queue on.
    assert dead_letters["MessageRetentionPeriod"] == 14 * 86400
    assert queue["MessageRetentionPeriod"] < dead_letters["MessageRetentionPeriod"]


def test_prod_gives_a_message_five_chances(prod: Synthesized) -> None:
    assert prod.properties(QUEUE, "IntakeQueue")["RedrivePolicy"]["maxReceiveCount"] >= 5


def test_records_of_a_batch_fail_by_themselves(stage: Synthesized) -> None:
    mapping = stage.properties(MAPPING, "DocumentIntake")
    settings = stage.settings
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"] == "<DocumentIntakeQueue.Arn>"
    assert mapping["FunctionName"] == "<DocumentIntakeFunction>"
    assert mapping["BatchSize"] == settings.intake.intake_batch_size
    assert mapping["MaximumBatchingWindowInSeconds"] == settings.intake.intake_batching_window_seconds
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": settings.intake.intake_max_concurrency}

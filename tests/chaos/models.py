"""The step that is tested, and what its workers write downstream."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, NumberSetAttribute, UnicodeAttribute
from pynamodb.models import Model

import status_tracker as st

from . import plan
from .database import CREDENTIALS, EFFECTS, RECEIPTS, REGION, TASKS
from .journal import SkewedClock

SHARDS: dict[str, Any] = {
    f"n_{status}_shard": 4 for status in ("pending", "in_progress", "failed", "succeeded", "ignored")
}


class Step(st.BaseTask):
    """The tracked step; its config is given by `connect`."""

    class Meta:
        table_name = TASKS
        region = REGION

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()


class Effect(Model):
    """What the attempts at one task wrote downstream, by which of them, the newest fence only."""

    class Meta:
        table_name = EFFECTS
        region = REGION

    key = UnicodeAttribute(hash_key=True)
    newest = NumberAttribute()
    by = UnicodeAttribute()
    applied = NumberSetAttribute()


class Receipt(Model):
    """What a success stored in one transaction with itself: one item an attempt."""

    class Meta:
        table_name = RECEIPTS
        region = REGION

    key = UnicodeAttribute(hash_key=True)
    task = UnicodeAttribute()


def connect(options: plan.Options, host: str, clock: SkewedClock) -> None:
    """Point the models at an address. Their clients are made here, before processes are forked, and open no socket."""
    Step.config = st.TrackerConfig.make(
        use_case_id=plan.USE_CASE_ID,
        pending_status=plan.PENDING,
        in_progress_status=plan.IN_PROGRESS,
        failed_status=plan.FAILED,
        succeeded_status=plan.SUCCEEDED,
        ignored_status=plan.IGNORED,
        max_retry=options.max_retry,
        lock_expire_seconds=options.lease,
        clock=clock,
        **SHARDS,
    )
    for model in (Step, Effect, Receipt):
        meta: Any = model.Meta
        meta.host = host
        meta.max_retry_attempts = options.sdk_retries
        meta.read_timeout_seconds = options.read_timeout
        meta.connect_timeout_seconds = options.read_timeout
        meta.aws_access_key_id = CREDENTIALS["aws_access_key_id"]
        meta.aws_secret_access_key = CREDENTIALS["aws_secret_access_key"]
        assert botocore_client(model) is not None


def botocore_client(model: type[Model]) -> Any:
    """The client that carries the requests of a model out."""
    return model._get_connection().connection.client

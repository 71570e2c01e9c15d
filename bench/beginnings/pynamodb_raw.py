"""PynamoDB by hand: a model, and the write by which a task is started."""

import sys
import uuid
import zlib
from datetime import UTC, datetime, timedelta

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model


class Index(GlobalSecondaryIndex):  # type: ignore[type-arg, no-untyped-call]  # as users write it
    class Meta:
        index_name = "status_and_update_time-index"
        projection = IncludeProjection(["create_time", "status", "retry", "lock", "lock_time", "lock_expire_time"])

    value = UnicodeAttribute(hash_key=True)
    update_time = UTCDateTimeAttribute(range_key=True)


class Item(Model):
    class Meta:
        table_name = sys.argv[2]
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"
        host = sys.argv[1]
        aws_access_key_id = "local"
        aws_secret_access_key = "local"  # noqa: S105  # the engine asks for none

    key = UnicodeAttribute(hash_key=True)
    value = UnicodeAttribute()
    status = NumberAttribute()
    create_time = UTCDateTimeAttribute()
    update_time = UTCDateTimeAttribute()
    retry = NumberAttribute(default_for_new=0)
    lock = UnicodeAttribute(default_for_new="__not_locked__")
    lock_time = UTCDateTimeAttribute(null=True)
    lock_expire_time = UTCDateTimeAttribute(null=True)
    fence = NumberAttribute(null=True)
    data = JSONAttribute(null=True)
    errors = JSONAttribute(default_for_new=lambda: {"history": []}, null=True)

    index = Index()


if sys.argv[3:]:
    task_id, now = sys.argv[3], datetime.now(UTC)
    item = Item(f"bench____{task_id}")
    item.update(
        [
            Item.status.set(20),
            Item.value.set(f"bench____020____{zlib.crc32(task_id.encode()) % 5 + 1:03}"),
            Item.lock.set(uuid.uuid4().hex),
            Item.lock_time.set(now),
            Item.lock_expire_time.set(now + timedelta(seconds=300)),
            Item.update_time.set(now),
            Item.fence.add(1),
        ],
        condition=Item.status.is_in(10, 30) & ((Item.lock == "__not_locked__") | (Item.lock_expire_time <= now)),
    )
else:
    client = Item._get_connection().connection.client

"""Trackers over Django's models; Django is set up when this is imported, for as long as the process lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
    LOGGING_CONFIG=None,
)

import django  # noqa: E402  # whose models can be declared once it is set up

django.setup()

from django.db import connection, models  # noqa: E402
from django.test.utils import override_settings  # noqa: E402

from status_tracker.abstract import T_ID, BaseTracker  # noqa: E402


class Moment(models.DateTimeField):
    """A time with its zone, also where Django stores none."""

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, datetime) and not settings.USE_TZ:
            return value.astimezone(UTC).replace(tzinfo=None)
        return super().get_prep_value(value)

    def from_db_value(self, value: datetime | None, *_: Any) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Fields(models.Model):
    id = models.CharField(primary_key=True, max_length=200)
    status = models.IntegerField()
    attempts = models.IntegerField()
    create_time = Moment()
    update_time = Moment()
    lock = models.CharField(max_length=100, null=True)
    lock_time = Moment()
    lock_expire_time = Moment()
    data = models.JSONField(default=dict)
    errors = models.JSONField(default=dict)
    note = models.CharField(max_length=100, null=True)

    class Meta:
        abstract = True
        app_label = "jobs"


class Loading:
    """`load` and `dump`, in a class that is no tracker."""

    @classmethod
    def load(cls: Any, id: T_ID, **_: Any) -> Any:  # noqa: A002  # the seed's name
        return cls.objects.filter(pk=id).first()

    def dump(self: Any, **_: Any) -> None:
        self.save()

    @classmethod
    def queried(cls: Any, task_id: str) -> Any:
        return cls.objects.get(pk=task_id)


class TrackerFirst(BaseTracker, Fields):
    class Meta:
        app_label = "jobs"

    @classmethod
    def load(cls, id: T_ID, **_: Any) -> Any:  # noqa: A002  # the seed's name
        return cls.objects.filter(pk=id).first()

    def dump(self, **_: Any) -> None:
        self.save()

    @classmethod
    def queried(cls, task_id: str) -> Any:
        return cls.objects.get(pk=task_id)


class ModelFirst(Loading, Fields, BaseTracker):
    tracker_state = models.JSONField(null=True)

    class Meta:
        app_label = "jobs"


class Plain(Loading, BaseTracker, Fields):
    """Its times are Django's own."""

    create_time = models.DateTimeField()
    update_time = models.DateTimeField()
    lock_time = models.DateTimeField()
    lock_expire_time = models.DateTimeField()

    class Meta:
        app_label = "jobs"


@contextmanager
def table(job: Any, file: Path, *, use_tz: bool) -> Iterator[None]:
    """A database with the table of these trackers."""
    with override_settings(USE_TZ=use_tz):
        connection.close()
        connection.settings_dict["NAME"] = str(file)
        with connection.schema_editor() as schema:
            schema.create_model(job)
        try:
            yield
        finally:
            connection.close()

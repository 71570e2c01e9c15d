"""Whatever attributes a model has, its items are read and written as PynamoDB reads and writes them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pynamodb.attributes import (
    AttributeContainer,
    BooleanAttribute,
    DiscriminatorAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.exceptions import AttributeNullError

import status_tracker as st
from status_tracker.dynamodb.attributes import MomentAttribute
from status_tracker.dynamodb.templates import put_arguments
from tests.support.steps import STEP1_CODES, make_base, make_step

STEP: Any = make_step(make_base("http://127.0.0.1:1", "tasks"), STEP1_CODES)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class UpperAttribute(UnicodeAttribute):
    """Stored in lower case, and kept in upper case."""

    def serialize(self, value: Any) -> str:
        return str(value).lower()

    def deserialize(self, value: str) -> str:
        return value.upper()


class ReadOnlyOnceAttribute(UnicodeAttribute):
    """Keeps its value in a place of its own."""

    def __set__(self, instance: Any, value: Any) -> None:
        super().__set__(instance, f"set {value}")


class AnyTypeAttribute(UnicodeAttribute):
    """Finds its value under whatever type it is stored."""

    def get_value(self, value: dict[str, Any]) -> Any:
        return next(iter(value.values()))


class Address(MapAttribute[str, Any]):
    town = UnicodeAttribute()
    code = NumberAttribute(null=True)


class Plain(STEP):
    note = UnicodeAttribute(null=True)
    urgent = BooleanAttribute(default=False)
    tags = UnicodeSetAttribute(null=True)
    weight = NumberAttribute(default_for_new=1)
    options = JSONAttribute(default=lambda: {"page": 1})
    nobody = UnicodeAttribute(default=lambda: None, null=True)
    tenant = UnicodeAttribute(attr_name="t", null=True)
    seen = UTCDateTimeAttribute(null=True)
    upper = UpperAttribute(null=True)
    anything = AnyTypeAttribute(null=True)


class Peculiar(Plain):
    address = Address(null=True)
    places: Any = ListAttribute(of=Address, null=True)
    once = ReadOnlyOnceAttribute(null=True, default="nothing")
    ends = TTLAttribute(null=True)


class Versioned(Plain):
    version = VersionAttribute()


class Initialized(Plain):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made_by_itself = True


class Shouting(Plain):
    """Puts its items in a way of its own."""

    def _get_save_args(self, *args: Any, **kwargs: Any) -> Any:
        positional, named = super()._get_save_args(*args, **kwargs)
        named["attributes"]["shouted"] = {"BOOL": True}
        return positional, named


class Kind(Plain):
    cls = DiscriminatorAttribute()


class OfOneKind(Kind, discriminator="one"):
    pass


MODELS = [STEP, Plain, Peculiar, Versioned, Initialized, Shouting, OfOneKind]
GIVEN = some.fixed_dictionaries(
    {},
    optional={
        "note": some.text(),
        "urgent": some.booleans(),
        "tags": some.sets(some.text(min_size=1)),
        "weight": some.integers(-9, 9),
        "options": some.dictionaries(some.text(), some.integers()),
        "tenant": some.text(min_size=1),
        "seen": some.datetimes(timezones=some.just(UTC)),
        "upper": some.text("ABC"),
        "anything": some.text(),
        "not_before": some.datetimes(timezones=some.just(UTC)),
        "finished_locks": some.lists(some.text()),
        "expire_at": some.just(NOON),
        "fence": some.integers(0),
    },
)
GIVEN_TO_PECULIAR = some.fixed_dictionaries(
    {},
    optional={
        "address": some.builds(lambda town: Address(town=town), some.text()),
        "places": some.lists(some.builds(lambda town: Address(town=town), some.text())),
        "once": some.text(),
        "ends": some.just(timedelta(hours=1)),
    },
)


def as_pynamodb_reads(model: Any, stored: dict[str, Any]) -> Any:
    return AttributeContainer._instantiate.__func__(model, stored)  # type: ignore[attr-defined]


def values(item: Any) -> Any:
    """What an item holds, also deep inside."""
    return {
        name: [values(each) for each in value]
        if name == "places"
        else values(value)
        if isinstance(value, Address)
        else value
        for name, value in item.attribute_values.items()
    }


@pytest.mark.parametrize("model", MODELS)
@given(given_values=GIVEN, peculiar=GIVEN_TO_PECULIAR)
def test_items_are_written_and_read_as_pynamodb_does_it(
    model: Any, given_values: dict[str, Any], peculiar: dict[str, Any]
) -> None:
    known = {name: value for name, value in given_values.items() if name in model.get_attributes()}
    known |= peculiar if model is Peculiar else {}
    item = model.make("t", {"page": 1}, **known)
    stored = item.serialize()
    assert stored == AttributeContainer._container_serialize(item)
    read = model.from_raw_data(copy.deepcopy(stored))
    assert type(read) is model
    assert values(read) == values(as_pynamodb_reads(model, stored))
    assert vars(read).keys() == vars(as_pynamodb_reads(model, stored)).keys()


@pytest.mark.parametrize("model", MODELS)
def test_items_of_which_little_is_stored_get_their_defaults(model: Any) -> None:
    stored = {"key": {"S": "test____t"}, "note": {"NULL": True}, "options": {}}
    assert values(model.from_raw_data(stored)) == values(as_pynamodb_reads(model, stored))


@pytest.mark.parametrize("model", MODELS)
def test_new_items_get_the_defaults_of_new_ones(model: Any) -> None:
    item = model("k")
    AttributeContainer._set_defaults(reference := model("k"))
    moments = {"create_time", "update_time"}
    assert {name: value for name, value in values(item).items() if name not in moments} == {
        name: value for name, value in values(reference).items() if name not in moments
    }
    assert item.options is not model("k").options if model is not STEP else item.errors is not model("k").errors


@pytest.mark.parametrize("model", MODELS)
def test_a_value_that_must_be_there_is_missed(model: Any) -> None:
    item = model.make("t")
    item.status = None
    with pytest.raises(AttributeNullError, match="status"):
        item.serialize()
    assert "status" not in item.serialize(null_check=False)


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(st.TaskUnreadableError, match=r"AttributeDeserializationError: .* 'status'"):
        STEP.from_raw_data({"key": {"S": "test____t"}, "status": {"S": "10"}})
    assert Plain.from_raw_data({"key": {"S": "test____t"}, "anything": {"N": "10"}}).anything == "10"


@pytest.mark.parametrize("model", MODELS)
def test_a_new_item_is_put_as_its_model_wants(model: Any) -> None:
    item, store = model.make("t", {"page": 1}), model.task_store("t")
    for _ in range(2):
        assert store._put(item) == put_arguments(model.make("t", {"page": 1}, **_moments(item)))
    assert ("shouted" in store._put(item)["Item"]) is (model is Shouting)


def _moments(item: Any) -> dict[str, Any]:
    return {"create_time": item.create_time, "update_time": item.update_time}


ZONES = some.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))])


FIRST, LAST = datetime(2, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001  # Hypothesis wants them without a zone


@given(some.datetimes(FIRST, LAST, timezones=some.one_of(some.none(), ZONES)))
def test_moments_are_stored_as_pynamodb_stores_them(moment: datetime) -> None:
    ours, pynamodbs = MomentAttribute(), UTCDateTimeAttribute()
    stored = ours.serialize(moment)
    assert stored == pynamodbs.serialize(moment)
    assert ours.deserialize(stored) == pynamodbs.deserialize(stored)
    assert ours.deserialize(stored).tzinfo is UTC


@given(
    some.one_of(
        some.text(max_size=40),
        some.from_regex(r"\A\d{4}-[01]\d-\d\dT[0-2]\d:\d\d:\d\d[.,]\d{6}[+-]0[0-9]00\Z"),
        some.from_regex(r"\A[1-9]\d{0,2}-01-\d\dT12:00:00\.\d{6}\+0000\Z"),
    )
)
def test_what_is_no_moment_is_refused_as_pynamodb_refuses_it(stored: str) -> None:
    try:
        expected: Any = UTCDateTimeAttribute().deserialize(stored)
    except ValueError:
        expected = ValueError
    try:
        found: Any = MomentAttribute().deserialize(stored)
    except ValueError:
        found = ValueError
    assert found == expected


def test_steps_of_the_users_own_are_tasks() -> None:
    assert issubclass(OfOneKind, st.BaseTask)
    assert type(Kind.from_raw_data(OfOneKind.make("t").serialize())) is OfOneKind

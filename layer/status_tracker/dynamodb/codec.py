"""How the items of a class are read and written: what PynamoDB finds out for each item, found out once for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pynamodb.attributes import Attribute, ListAttribute, MapAttribute
from pynamodb.constants import NULL
from pynamodb.exceptions import AttributeNullError
from pynamodb.models import Model


class _Part(NamedTuple):
    """One attribute.

    Attributes:
        name: where PynamoDB keeps its value on an item.
        stored_as: its name in the table.
        plain: it keeps its value where PynamoDB's `Attribute` does.
        direct: the type by which its stored value is found, unless it has a way of its own to find it.
        default: of an item that is read; `default_for_new` of one that is made. None for none.
        deserialize, serialize: None where it is stored as it is.
    """

    name: str
    stored_as: str
    kind: str
    null: bool
    plain: bool
    direct: str | None
    default: Any
    default_for_new: Any
    get_value: Callable[[dict[str, Any]], Any]
    deserialize: Callable[[Any], Any] | None
    serialize: Callable[[Any], Any] | None


class Codec:
    """Reads and writes the items of one class.

    Attributes:
        reads: whether it can; else the class has a way of its own to make an item, and PynamoDB does it.
        writes: whether it can; else an attribute has a way of its own to keep its value, and PynamoDB does it.
        saves: whether an item is put with nothing but what it is written as; else PynamoDB puts together how.
    """

    def __init__(self, task: type[Model]) -> None:
        self._parts = [_part(task, attribute) for attribute in task.get_attributes().values()]
        made_as_usual = task.__init__ is Model.__init__ and task.__new__ is object.__new__
        self.reads = made_as_usual and task._discriminator is None  # type: ignore[attr-defined]
        self.writes = all(part.plain for part in self._parts)
        self.saves = (
            task._version_attribute_name is None
            and task.get_save_kwargs_from_instance is Model.get_save_kwargs_from_instance
            and task._get_save_args is Model._get_save_args
        )

    def read(self, item: Model, stored: Mapping[str, Any]) -> None:
        """Set the item's attributes to what is stored, and those of which nothing is to their defaults."""
        values = item.attribute_values
        for part in self._parts:
            found = stored.get(part.stored_as)
            if found and NULL not in found:
                value = found[part.direct] if part.direct in found else part.get_value(found)
                if part.deserialize is not None:
                    value = part.deserialize(value)
                if part.plain:
                    values[part.name] = value
                else:
                    setattr(item, part.name, value)
            elif part.default is not None:
                _set_default(item, part, part.default)

    def set_defaults(self, item: Model) -> None:
        """Set what a new item has that is given nothing else."""
        for part in self._parts:
            if part.default_for_new is not None:
                _set_default(item, part, part.default_for_new)

    def written(self, item: Model, *, null_check: bool) -> dict[str, dict[str, Any]]:
        """The item as it is to be stored."""
        result = {}
        values = item.attribute_values
        for part in self._parts:
            value = values.get(part.name)
            if value is not None and part.serialize is not None:
                value = part.serialize(value)
            if value is not None:
                result[part.stored_as] = {part.kind: value}
            elif null_check and not part.null:
                raise AttributeNullError(part.name)
        return result


def _part(task: type[Model], attribute: Attribute[Any]) -> _Part:
    kind, stored_as = attribute.attr_type, attribute.attr_name
    contains_others = isinstance(attribute, ListAttribute | MapAttribute)
    return _Part(
        name=task._dynamo_to_python_attr(stored_as),
        stored_as=stored_as,
        kind=kind,
        null=attribute.null,
        plain=not contains_others and _is_usual(attribute, "__get__") and _is_usual(attribute, "__set__"),
        direct=kind if _is_usual(attribute, "get_value") else None,
        default=attribute.default,
        default_for_new=attribute.default if attribute.default_for_new is None else attribute.default_for_new,
        get_value=attribute.get_value,
        deserialize=None if _is_usual(attribute, "deserialize") else attribute.deserialize,
        serialize=None if _is_usual(attribute, "serialize") else attribute.serialize,
    )


def _is_usual(attribute: Attribute[Any], method: str) -> bool:
    return getattr(type(attribute), method) is getattr(Attribute, method) and method not in vars(attribute)


def _set_default(item: Model, part: _Part, default: Any) -> None:
    value = default() if callable(default) else default
    if value is None:
        return
    if part.plain:
        item.attribute_values[part.name] = value
    else:
        setattr(item, part.name, value)

"""Reads and writes the items of a class; does once per class what PynamoDB does for each item."""

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
        direct: the key of its stored value; None if the attribute finds it in its own way.
        default: for an item that is read; `default_for_new` for a new one. None if there is none.
        deserialize, serialize: None if the value is stored unchanged.
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
        reads: whether it can read; otherwise the class creates items in its own way, and PynamoDB reads.
        writes: whether it can write; otherwise an attribute keeps its value in its own way, and PynamoDB writes.
        saves: whether a put needs only the written item; otherwise PynamoDB builds its arguments.

    Args:
        made_as_usual: whether an instance needs nothing but its attributes; otherwise PynamoDB makes and reads it.
    """

    def __init__(self, task: type[Model], *, made_as_usual: bool = True) -> None:
        self._parts = [_part(task, attribute) for attribute in task.get_attributes().values()]
        self.reads = made_as_usual and task._discriminator is None  # type: ignore[attr-defined]
        self.writes = all(part.plain for part in self._parts)
        self.saves = (
            task._version_attribute_name is None
            and task.get_save_kwargs_from_instance is Model.get_save_kwargs_from_instance
            and task._get_save_args is Model._get_save_args
        )

    def read(self, item: Model, stored: Mapping[str, Any]) -> None:
        """Set the item's attributes from the stored ones, and use defaults for absent attributes.

        What an attribute raises has a note: its name as it is stored.
        """
        values, stored_as = item.attribute_values, ""
        try:
            for part in self._parts:
                stored_as = part.stored_as
                found = stored.get(stored_as)
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
        except Exception as error:
            error.add_note(stored_as)
            raise

    def set_defaults(self, item: Model) -> None:
        """Set the defaults of a new item."""
        for part in self._parts:
            if part.default_for_new is not None:
                _set_default(item, part, part.default_for_new)

    def written(self, item: Model, *, null_check: bool) -> dict[str, dict[str, Any]]:
        """The item in DynamoDB's format."""
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

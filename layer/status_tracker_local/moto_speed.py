"""Where moto spends most of the server's time, each place made quicker with the same answers.

``tests/local_cloud/test_moto_speed.py`` holds that the answers are the same, and that moto still needs it.
"""

import base64
import functools
import pickle
from collections.abc import Callable, Mapping
from typing import Any

from moto import backends
from moto.core import responses
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import unix_time, unix_time_millis
from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser
from moto.dynamodb.parsing import ast_nodes, expressions
from moto.dynamodb.parsing.validators import (
    ActionCountValidator,
    OverlappingPathsValidator,
    UpdateExpressionValidator,
    UpdateHashRangeKeyValidator,
)
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sqs import models as sqs_models
from moto.sqs.models import Message, Queue, SQSBackend

# These modules of moto have no types.
_NODE: Any = vars(ast_nodes)["Node"]
_TRAVERSER: Any = vars(ast_nodes)["DepthFirstTraverser"]
_PARSER: Any = vars(expressions)["UpdateExpressionParser"]

# So many different expressions are remembered, of each kind.
_EXPRESSIONS = 256
# The names that an expression of a request has for attributes.
_Names = tuple[tuple[str, str], ...] | None
# The checks of `check_updates_once` are the first of all.
_CHECKED_ONCE = 3


def make_moto_quicker() -> None:
    """Do all of it, in this process."""
    list_modules_once()
    find_services_once()
    list_actions_once()
    look_at_the_clock_once_a_queue()
    ask_a_queue_for_its_retention_only()
    write_attributes_in_one_pass()
    parse_updates_once()
    check_updates_once()
    look_at_the_nodes_of_an_update_once()
    parse_conditions_once()


def list_modules_once() -> None:
    """Moto looks through its own folders with each request: a fifth of the time that its server is busy."""
    original = backends.list_of_moto_modules
    backends.list_of_moto_modules = functools.cache(lambda: tuple(original()))


def find_services_once() -> None:
    """Moto tries the patterns of all its services with each request."""
    model: Any = DomainDispatcherApplication
    model.get_backend_for_host = functools.cache(model.get_backend_for_host)


def list_actions_once() -> None:
    """With each request moto lists the methods of the service's class, and spells the action's name anew."""
    for module, name in (
        (responses, "method_names_from_class"),
        (responses, "camelcase_to_underscores"),
        (sqs_models, "camelcase_to_underscores"),
    ):
        setattr(module, name, functools.cache(getattr(module, name)))


def look_at_the_clock_once_a_queue() -> None:
    """A queue asks the time for each of its messages, whenever one is sent, received or waited for.

    In a burst that was most of what the server did.
    """

    def messages(queue: Queue) -> list[Message]:
        now = unix_time_millis()
        return [each for each in queue._messages if each.visible_at < now and each.delayed_until <= now]

    def delayed(queue: Queue) -> int:
        now = unix_time_millis()
        return sum(now < each.delayed_until for each in queue._messages)

    def not_visible(queue: Queue) -> int:
        now = unix_time_millis()
        return sum(now <= each.visible_at for each in queue._messages)

    model: Any = Queue
    model.messages = property(messages)
    model.approximate_number_of_messages_delayed = property(delayed)
    model.approximate_number_of_messages_not_visible = property(not_visible)


def ask_a_queue_for_its_retention_only() -> None:
    """For each message that is received moto makes out all attributes of its queue, and counts it three times."""

    def is_valid(self: SQSBackend, queue_name: str, message: Message) -> bool:
        kept: Any = self.get_queue(queue_name)
        sent: Any = message.sent_timestamp
        return bool(kept.message_retention_period + sent / 1000 > unix_time())

    SQSBackend.is_message_valid_based_on_retention_period = is_valid  # type: ignore[method-assign]


def write_attributes_in_one_pass() -> None:
    """Of each value in an item moto tries six ways to spell each of the ten types that it might have."""
    original = BaseJSONSerializer._serialize_type_structure

    @functools.wraps(original)
    def serialize(self: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if key and shape.name == "AttributeValue" and type(value) is dict and value.keys() <= _WRITTEN.keys():
            self._default_serialize(serialized, _written(value), shape, key)
        else:
            original(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = serialize  # type: ignore[method-assign]


def _written(value: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: _WRITTEN[kind](content) for kind, content in value.items() if content is not None}


def _text(content: Any) -> str:
    return str(content)


def _bytes(content: str | bytes) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def _same(content: Any) -> Any:
    return content


_WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "S": _text,
    "N": _text,
    "B": _bytes,
    "SS": lambda content: [*map(_text, content)],
    "NS": lambda content: [*map(_text, content)],
    "BS": lambda content: [*map(_bytes, content)],
    "M": lambda content: {name: _written(each) for name, each in content.items()},
    "L": lambda content: [*map(_written, content)],
    "BOOL": _same,
    "NULL": _same,
}


def parse_updates_once() -> None:
    """An update's expression is parsed twice, and what comes of it copied node by node."""
    original = _PARSER.make

    @functools.lru_cache(maxsize=_EXPRESSIONS)
    def parsed(expression: str) -> bytes:
        node = original(expression)
        node.made_of = expression  # see `check_updates_once`
        return pickle.dumps(node)

    _PARSER.make = staticmethod(lambda expression: pickle.loads(parsed(expression)))  # noqa: S301 - our own
    _NODE.__deepcopy__ = lambda self, _: pickle.loads(pickle.dumps(self))  # noqa: S301 - our own


def check_updates_once() -> None:
    """Three of the ten checks of an update look neither at its values nor at the item, and take longest."""

    @functools.lru_cache(maxsize=_EXPRESSIONS)
    def check(expression: str, named: _Names, keys: tuple[str, ...]) -> None:
        node, names = _PARSER.make(expression), _as_dict(named)
        ActionCountValidator().traverse(node)
        OverlappingPathsValidator(names).traverse(node)
        UpdateHashRangeKeyValidator([*keys], names or {}).traverse(node)

    def validate(self: Any) -> Any:
        node: Any = self.node_to_validate
        check(node.made_of, _as_pairs(self.expression_attribute_names), tuple(self.table.table_key_attrs))
        for processor in self.processors[_CHECKED_ONCE:]:
            node = processor.traverse(node)
        return node

    UpdateExpressionValidator.validate = validate  # type: ignore[method-assign]


def look_at_the_nodes_of_an_update_once() -> None:
    """Ten times moto looks at each node of an update's expression, and asks of what kinds it may be.

    To ask that of an abstract class takes long; here it is asked once for each class of nodes.
    """
    concerned: dict[tuple[type, type], bool] = {}
    hook = _TRAVERSER.pre_processing_of_child
    is_node: Callable[[type], bool] = functools.cache(lambda kind: issubclass(kind, _NODE))

    def traverse(self: Any, node: Any, child_id: int = -1) -> Any:
        kind, parent = type(node), node.parent
        prepare = None if type(self).pre_processing_of_child is hook else self.pre_processing_of_child
        for index, child in enumerate(node.children or ()):
            if prepare:
                prepare(node, index)
            if is_node(type(child)):
                traverse(self, child, index)
        both = (type(self), kind)
        if both not in concerned:
            concerned[both] = isinstance(node, self.nodes_to_be_processed())
        if concerned[both]:
            node = self.process(node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
        return node

    _TRAVERSER.traverse_node_recursively = traverse


def parse_conditions_once() -> None:
    """A request's condition is parsed twice, character by character, and anew with each request of the same kind."""
    original, original_operand = ConditionExpressionParser.parse, ConditionExpressionParser._make_operand

    class Tree(ConditionExpressionParser):
        """Gives the tree of which the condition is made."""

        def _make_op_condition(self, node: Any) -> Any:
            return node

    @functools.lru_cache(maxsize=_EXPRESSIONS)
    def parsed(expression: str, named: _Names, values: frozenset[str] | None) -> Any:
        some_values = None if values is None else {name: {"S": name} for name in values}
        parser: Any = Tree(expression, _as_dict(named), some_values)
        parser.tree = original(parser)
        return parser

    def parse(self: Any) -> Any:
        if not self.condition_expression:
            return original(self)
        values = self.expression_attribute_values
        names = _as_pairs(self.expression_attribute_names)
        found = parsed(self.condition_expression, names, None if values is None else frozenset(values))
        self.expr_attr_names_found.extend(found.expr_attr_names_found)
        self.expr_attr_values_found.extend(found.expr_attr_values_found)
        return self._make_op_condition(found.tree)

    def make_operand(self: Any, node: Any) -> Any:
        if node.kind == self.Kind.EXPRESSION_ATTRIBUTE_VALUE:
            return AttributeValue(self.expression_attribute_values[node.text])
        return original_operand(self, node)

    ConditionExpressionParser.parse = parse  # type: ignore[method-assign]
    ConditionExpressionParser._make_operand = make_operand  # type: ignore[method-assign]


def _as_pairs(names: Mapping[str, str] | None) -> _Names:
    return None if names is None else tuple(names.items())


def _as_dict(names: _Names) -> Any:
    return None if names is None else dict(names)

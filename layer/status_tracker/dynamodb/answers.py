"""Takes the items in DynamoDB's answers as they were sent."""

from __future__ import annotations

from typing import Any

from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory

_BYTES = (b'"B"', b'"BS"')
"""How an answer names values that are bytes: the only ones of an item that botocore makes something else of."""


class _ItemParser(JSONParser):
    """Parses as botocore does, without visiting each attribute of each item: that is half of a listing's CPU."""

    def parse(self, response: Any, shape: Any) -> Any:
        if any(kind in response["body"] for kind in _BYTES):
            return JSONParser().parse(response, shape)
        return super().parse(response, shape)

    def _handle_map(self, shape: Any, value: Any) -> Any:
        if shape.value.name == "AttributeValue":
            return value
        return super()._handle_map(shape, value)  # type: ignore[misc]  # the stubs leave it out


class ItemParserFactory(ResponseParserFactory):
    """Gives the parsers of a session's clients; register it there as the component `response_parser_factory`.

    botocore asks for one with each answer. It keeps nothing of an answer, so one serves all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._items = _ItemParser()

    def create_parser(self, protocol_name: Any) -> ResponseParser:
        return self._items if protocol_name == "json" else super().create_parser(protocol_name)

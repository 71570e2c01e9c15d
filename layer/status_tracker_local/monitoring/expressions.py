"""Metric math, as far as it is known here; what is not is refused by name, and nothing is ever run as Python.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. A value is a number, a series (by
the ends of its periods) or a list of series. Where only one of two series has a value, the other counts as 0.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from status_tracker_local.monitoring.errors import NotEvaluatedError

Series = dict[int, float]
Value = float | Series | list[Series]

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(==|!=|<=|>=|&&|\|\||[-+*/^<>()\[\],]))", re.ASCII)
_LONGEST = 2048
_DEEPEST = 50
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_AND, _OR = {"AND", "&&"}, {"OR", "||"}
_LEVELS: Sequence[set[str]] = (_OR, _AND, set(_COMPARISONS), {"+", "-"}, {"*", "/"}, {"^"})
"""The operators between two values, those that bind least first."""


@dataclass(frozen=True)
class Inputs:
    """What an expression is about: the series by their ids, and the ends of all periods that are asked for.

    ``metrics`` are the ids of those series that are metrics, and have ever had a value.
    """

    series: Mapping[str, Series]
    ends: Sequence[int]
    metrics: frozenset[str]


def evaluate(expression: str, inputs: Inputs) -> Series:
    """The series that an expression gives.

    Raises:
        NotEvaluatedError: something in it is not known here, or it gives no single series.
    """
    if len(expression) > _LONGEST:
        raise NotEvaluatedError(f"the expression has {len(expression)} characters, and at most {_LONGEST} are read")
    parser = _Parser(_tokens(expression), inputs)
    value = parser.whole()
    if not isinstance(value, dict):
        kind = "a list of series" if isinstance(value, list) else "a number"
        raise NotEvaluatedError(f"{expression} gives {kind}, and one series is needed")
    return value


def _tokens(expression: str) -> list[str]:
    tokens, at = [], 0
    text = expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotEvaluatedError(f"{text[at:].strip()[:20]!r} in {expression!r} is not known here")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


class _Parser:
    """Evaluates while it reads: no tree is kept. What it calls a token is an identifier, a number or a sign."""

    def __init__(self, tokens: Sequence[str], inputs: Inputs) -> None:
        self._tokens = tokens
        self._inputs = inputs
        self._at = 0
        self._depth = 0

    def whole(self) -> Value:
        value = self._binary(0)
        if self._next is not None:
            raise NotEvaluatedError(f"{self._next!r} was not expected there")
        return value

    @property
    def _next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, expected: str | None = None) -> str:
        token = self._next
        if token is None or expected not in {None, token}:
            raise NotEvaluatedError(f"{expected or 'more'!r} was expected, and {token or 'the end'!r} is there")
        self._at += 1
        return token

    def _binary(self, level: int) -> Value:
        if level == len(_LEVELS):
            return self._unary()
        value = self._binary(level + 1)
        while self._next in _LEVELS[level]:
            sign = self._take()
            value = _combine(sign, value, self._binary(level + 1))
        return value

    def _unary(self) -> Value:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotEvaluatedError("the expression is nested too deeply")
        try:
            if self._next == "-":
                self._take()
                return _combine("*", -1.0, self._unary())
            return self._term()
        finally:
            self._depth -= 1

    def _term(self) -> Value:
        token = self._take()
        if token == "(":  # noqa: S105 - no secret
            value = self._binary(0)
            self._take(")")
            return value
        if token == "[":  # noqa: S105
            return [_one_series(value) for value in self._arguments("]")]
        if token[0].isdigit():
            return float(token)
        if self._next == "(":
            return self._call(token)
        if token in self._inputs.series:
            return dict(self._inputs.series[token])
        raise NotEvaluatedError(f"{token!r} is not known here")

    def _arguments(self, end: str) -> list[Value]:
        values: list[Value] = []
        while self._next != end:
            if values:
                self._take(",")
            values.append(self._binary(0))
        self._take(end)
        return values

    def _call(self, name: str) -> Value:
        self._take("(")
        if name == "METRICS":
            self._take(")")
            return [dict(series) for key, series in self._inputs.series.items() if key in self._inputs.metrics]
        if name == "FILL":
            return self._fill()
        if name not in {"IF", *_REDUCED}:
            raise NotEvaluatedError(f"the function {name} is not known here")
        arguments = self._arguments(")")
        if name == "IF":
            return _if(*arguments) if len(arguments) == 3 else _wrong("IF", "a condition and two values")  # noqa: PLR2004
        return _reduce(name, arguments[0]) if len(arguments) == 1 else _wrong(name, "one argument")

    def _fill(self) -> Value:
        """The series with a number for what is missing; one that never had a value stays empty."""
        source = self._next
        series = self._binary(0)
        self._take(",")
        filler = self._binary(0)
        self._take(")")
        if not isinstance(series, dict) or not isinstance(filler, float):
            return _wrong("FILL", "a series and a number")
        if not series and source not in self._inputs.metrics:
            return series
        return {end: series.get(end, filler) for end in self._inputs.ends}


_REDUCED: Mapping[str, Callable[[Sequence[float], int], float]] = {
    "SUM": lambda values, _: sum(values),
    "AVG": lambda values, series: sum(values) / series,
    "MIN": lambda values, _: min(values),
    "MAX": lambda values, _: max(values),
}
"""By the values that there are, and how many there would be at most."""


def _wrong(name: str, takes: str) -> Value:
    raise NotEvaluatedError(f"{name} is known here only with {takes}")


def _one_series(value: Value) -> Series:
    if isinstance(value, dict):
        return value
    raise NotEvaluatedError("only series are known here within [ ]")


def _reduce(name: str, argument: Value) -> Value:
    """Over a list: of what the series have at each time; what is missing is 0 for AVG. Over one series: a number."""
    if isinstance(argument, float):
        return _wrong(name, "series")
    if isinstance(argument, dict):
        return float(_REDUCED[name](list(argument.values()), len(argument))) if argument else {}
    return {
        end: float(_REDUCED[name]([series[end] for series in argument if end in series], len(argument)))
        for end in sorted({end for series in argument for end in series})
    }


def _if(condition: Value, then: Value, otherwise: Value) -> Value:
    if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
        return _wrong("IF", "numbers and single series")
    if isinstance(condition, float):
        return then if condition else otherwise
    found: Series = {}
    for end, holds in condition.items():
        if holds:
            found[end] = then if isinstance(then, float) else then.get(end, 0.0)
        elif isinstance(otherwise, float):
            found[end] = otherwise
        elif end in otherwise:
            found[end] = otherwise[end]
    return found


def _combine(sign: str, left: Value, right: Value) -> Value:
    if isinstance(left, list) or isinstance(right, list):
        raise NotEvaluatedError(f"{sign!r} is known here between numbers and single series only")
    if isinstance(left, float) and isinstance(right, float):
        value = _apply(sign, left, right)
        if value is None:
            raise NotEvaluatedError(f"{left:g} {sign} {right:g} has no value")
        return value
    ends = sorted({end for side in (left, right) if isinstance(side, dict) for end in side})
    found = {end: _apply(sign, _at(left, end), _at(right, end)) for end in ends}
    return {end: value for end, value in found.items() if value is not None}


def _at(side: float | Series, end: int) -> float:
    return side if isinstance(side, float) else side.get(end, 0.0)


def _apply(sign: str, left: float, right: float) -> float | None:
    """None for what has no value, such as a division by zero: it is dropped."""
    if sign in _COMPARISONS:
        return float(_COMPARISONS[sign](left, right))
    if sign in _AND:
        return float(bool(left) and bool(right))
    if sign in _OR:
        return float(bool(left) or bool(right))
    try:
        value = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": operator.pow}[
            sign
        ](left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return float(value) if not isinstance(value, complex) else None

"""The columns of a raw table as inputs of an ONNX graph, read as `fit` read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from skbin.data.cells import CATEGORY, EMPTY, TEXT, TIME
from skbin.data.readers_in_json import describe_reader
from skbin.data.tables import FIRST, MISSING, OTHER, Column, Table
from skbin.export.onnx_steps import OPSETS, OUTPUTS, TRANSFORMED
from skbin.machine.extras import import_optional
from skbin.serving.cells import ANYTHING

# https://howardhinnant.github.io/date_algorithms.html, civil_from_days: years begin in
# March there, so that the leap day is the last.
_DAYS_BEFORE_1970 = 719_468  # since the first of March of year 0
_DAYS_OF_ERA = 146_097  # 400 years
_OURS = "skbin_"
_DAYS_UNTIL_MARCH, _DAYS_FROM_MARCH = 59, 306


@dataclass(frozen=True)
class InputColumn:
    """One input of the graph: its kind, and all of its known categories.

    Strings reach the network as codes, 0 for a missing one, which is ``""``. Texts are
    read before the graph, for each member by its own words: `readers` are in JSON, and
    `parts` are the widths of what they give, 0 for a member that has seen no text.
    """

    name: str
    kind: str
    strings: tuple[str, ...] | None = None
    parts: tuple[int, ...] = (1,)
    readers: tuple[Any, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns of the input."""
        return sum(self.parts)

    def described(self) -> dict[str, Any]:
        """Describe in JSON what a service has to pass."""
        described: dict[str, Any] = {"name": self.name, "kind": self.kind}
        return described | ({"readers": list(self.readers)} if self.readers else {})


def input_columns(tables: Sequence[Table]) -> list[InputColumn]:
    """Find the inputs that tables of the same columns, one for each member, share."""
    inputs = [
        _input_column(columns)
        for columns in zip(*(table.columns for table in tables), strict=True)
    ]
    names = [given.name for given in inputs]
    taken = {name for name in names if names.count(name) > 1 or name in OUTPUTS}
    taken |= {name for name in names if not name or name.startswith(_OURS)}
    if taken:
        raise ValueError(
            f"Columns of X cannot be inputs of the file under the names {sorted(taken)}"
            f": names must be unique and not begin with {_OURS!r}, and "
            f"{sorted(OUTPUTS)} are outputs. Rename the columns, and fit again."
        )
    return inputs


def _input_column(columns: Sequence[Column]) -> InputColumn:
    name, kinds = str(columns[0].name), {column.kind for column in columns} - {EMPTY}
    if len(kinds) > 1:
        raise ValueError(
            f"Column {name!r} was read as {' by one member, as '.join(sorted(kinds))} "
            "by another, but must be a single input. Name it in text_features or "
            "categorical_features."
        )
    kind = kinds.pop() if kinds else EMPTY
    if kind == TEXT:
        have_read = [column for column in columns if column.reader is not None]
        return InputColumn(
            name,
            kind,
            parts=tuple(c.n_outputs if c.reader else 0 for c in columns),
            readers=tuple(describe_reader(column.reader) for column in have_read),
        )
    categories = dict.fromkeys(
        category for column in columns for category in column.categories
    )
    if kind == CATEGORY and not categories:
        return InputColumn(name, ANYTHING, ())
    if kind != CATEGORY or not all(isinstance(value, str) for value in categories):
        return InputColumn(name, kind)
    if "" in categories:
        raise ValueError(
            f"Column {name!r} holds empty strings among others, but in a file an empty "
            "string is a missing value. Write None for them, and fit again."
        )
    return InputColumn(name, kind, tuple(categories))


class TableEncoding(nn.Module):
    """Turn the inputs of a graph into the array that a member was trained on."""

    def __init__(
        self, table: Table, inputs: Sequence[InputColumn], member: int = 0
    ) -> None:
        super().__init__()
        self.widths = [given.width for given in inputs]
        self.columns = nn.ModuleList(
            _reading(column, given, member)
            for column, given in zip(table.columns, inputs, strict=True)
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Encode rows, (n, n_inputs) -> (n, n_features), float64."""
        parts = X.split(self.widths, dim=1)
        columns: Any = self.columns
        return torch.cat(
            [column(part) for column, part in zip(columns, parts, strict=True)], dim=1
        )


def _reading(column: Column, given: InputColumn, member: int) -> nn.Module:
    if column.kind == TEXT:
        return _PartOfMember(given.parts, member)
    if column.kind == EMPTY:
        return _NothingLearned()
    if column.kind == TIME:
        return _PartsOfTime(column)
    if column.kind != CATEGORY:
        return nn.Identity()
    if given.strings is not None:
        return _CodesOfStrings(column, given.strings)
    return _CodesOfNumbers(column) if column.categories else _NothingKnown()


class _PartOfMember(nn.Module):
    """What the words of a member make of texts, among those of all members."""

    def __init__(self, parts: tuple[int, ...], member: int) -> None:
        super().__init__()
        self.begin = sum(parts[:member])
        self.end = self.begin + parts[member]

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X[:, self.begin : self.end]


class _NothingLearned(nn.Module):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.full_like(X[:, :1], torch.nan)


class _NothingKnown(nn.Module):
    """Codes of numbers of which no member of a cross-fit may know any."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.where(X.isnan(), float(MISSING), float(OTHER)).to(X.dtype)


class _PartsOfTime(nn.Module):
    """Split days since 1970 as `skbin.data.tables` does."""

    def __init__(self, column: Column) -> None:
        super().__init__()
        self.latest, self.has_seasons = column.latest, column.has_seasons

    def forward(self, days: torch.Tensor) -> torch.Tensor:
        whole = days.floor()
        known = torch.where(days > self.latest, self.latest, days)
        parts = [known, days - whole, _modulo(whole + 3, 7)]
        if self.has_seasons:
            parts.append(_day_of_year(whole))
        return torch.cat(parts, dim=1)


def _day_of_year(days: torch.Tensor) -> torch.Tensor:
    of_era = _modulo(days + _DAYS_BEFORE_1970, _DAYS_OF_ERA)
    leap_days = _whole(of_era, 1460) - _whole(of_era, 36_524) + _whole(of_era, 146_096)
    year = _whole(of_era - leap_days, 365)
    before = 365 * year + _whole(year, 4) - _whole(year, 100)
    since_march = of_era - before
    is_leap = (_modulo(year, 4) == 0) & ((_modulo(year, 100) != 0) | (year == 0))
    is_next_year = since_march >= _DAYS_FROM_MARCH
    until_march = _DAYS_UNTIL_MARCH + is_leap.double()
    return torch.where(
        is_next_year, since_march - _DAYS_FROM_MARCH, since_march + until_march
    )


def _whole(number: torch.Tensor, divisor: int) -> torch.Tensor:
    return torch.floor(number / divisor)


def _modulo(number: torch.Tensor, divisor: int) -> torch.Tensor:
    return number - divisor * _whole(number, divisor)


class _CodesOfStrings(nn.Module):
    """From the codes that all members share to those of one."""

    codes: torch.Tensor

    def __init__(self, column: Column, strings: Sequence[str]) -> None:
        super().__init__()
        own = {value: code for code, value in enumerate(column.categories, FIRST)}
        codes = [MISSING, OTHER, *(own.get(value, OTHER) for value in strings)]
        self.register_buffer("codes", torch.tensor(codes, dtype=torch.float64))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.codes[X.long()]


class _CodesOfNumbers(nn.Module):
    known: torch.Tensor
    codes: torch.Tensor

    def __init__(self, column: Column) -> None:
        super().__init__()
        known = np.array([float(value) for value in column.categories])
        if len(np.unique(known)) < len(known):
            raise ValueError(
                f"Column {column.name!r} holds whole numbers as categories that differ "
                "in digits beyond float64. Write them as strings, and fit again."
            )
        self.register_buffer("known", torch.as_tensor(known))
        self.register_buffer("codes", torch.arange(len(known)).double() + FIRST)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        is_known = self.known == X
        code = (is_known * self.codes).sum(dim=1, keepdim=True)
        code = torch.where(is_known.any(dim=1, keepdim=True), code, float(OTHER))
        return torch.where(X.isnan(), float(MISSING), code)


def joined_inputs(columns: Sequence[InputColumn]) -> Any:
    """Make the first graph: its inputs are the columns, its output one array.

    Strings become codes: MISSING, OTHER, and one for each category in its order.
    """
    onnx = import_optional("onnx", "onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    inputs, nodes, parts = [], [], []
    for place, column in enumerate(columns):
        kind = kinds.DOUBLE if column.strings is None else kinds.STRING
        shape = ["n_samples", column.width]
        inputs.append(helper.make_tensor_value_info(column.name, kind, shape))
        if column.strings is None:
            parts.append(column.name)
            continue
        code, part = f"skbin_code_{place}", f"skbin_column_{place}"
        nodes.append(
            helper.make_node(
                "LabelEncoder",
                [column.name],
                [code],
                domain="ai.onnx.ml",
                keys_strings=["", *column.strings],
                values_int64s=[MISSING, *range(FIRST, FIRST + len(column.strings))],
                default_int64=OTHER,
            )
        )
        nodes.append(helper.make_node("Cast", [code], [part], to=kinds.DOUBLE))
        parts.append(part)
    nodes.append(helper.make_node("Concat", parts, [TRANSFORMED], axis=1))
    width = sum(column.width for column in columns)
    output = helper.make_tensor_value_info(
        TRANSFORMED, kinds.DOUBLE, ["n_samples", width]
    )
    graph = helper.make_graph(nodes, "columns", inputs, [output])
    operators = [helper.make_operatorsetid(*pair) for pair in OPSETS.items()]
    return helper.make_model(graph, opset_imports=operators)

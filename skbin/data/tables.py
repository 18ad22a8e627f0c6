"""A raw table as an array of numbers that a network can embed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_categorical_features

from skbin.data.cells import (
    CATEGORY,
    DURATION,
    EMPTY,
    NO_NUMBERS,
    NUMBER,
    TEXT,
    TIME,
    categories_of,
    columns_of,
    has_categorical_dtype,
    is_frame,
    kind_of,
    numbers_of,
    times_of,
    values_of,
)
from skbin.data.mistaken import warn_if_no_category
from skbin.data.texts import TextReader, learn_model, learn_reader
from skbin.data.which_texts import texts_among
from skbin.machine.callers import warn_user

# Codes of a column of categories. Categories in few rows of fit share one code, which
# also stands for unknown categories in predictions.
MISSING, OTHER, FIRST = 0, 1, 2
_FEWEST_ROWS = 5
# Rows to predict are mostly later than all rows of fit. Days are cut at this quantile,
# so that such rows look like the latest fifth and not like the last few by chance: see
# examples/benchmarks/later_dates.py.
_LATEST = 0.8
_TWO_YEARS = 730  # fewer days tell nothing of what each year repeats


@dataclass(frozen=True)
class Column:
    """What `fit` has learned about one column.

    `kind` is what its cells are; `categories` are those with a separate code, the
    most frequent first; `reader` reads texts. Of times, days are cut at `latest`, and
    `has_seasons` says whether they cover enough years for the day of the year.
    """

    name: Any
    kind: str
    categories: tuple[Any, ...] = ()
    reader: TextReader | None = None
    latest: float = np.inf
    has_seasons: bool = True

    @property
    def n_outputs(self) -> int:
        """Number of columns of the array that it becomes."""
        if self.reader is not None:
            return 1 + self.reader.n_words
        return 3 + self.has_seasons if self.kind == TIME else 1


@dataclass(frozen=True)
class Table:
    """The columns of a table, by which later tables are read.

    A number stays one, NaN where it is missing. A category becomes a code: 0 is
    missing, 1 is rare or unknown. A time becomes days, the time of day, the day of the
    week and, if it covers two years, the day of the year. A text becomes the logit of a
    linear model; where it is all there is, the ids of its words follow.

    Examples
    --------
    >>> X = np.array([["a", 1.0], ["b", None], ["a", 3.0]], dtype=object)
    >>> table = learn_table(X)
    >>> table.encode(X)
    array([[ 2.,  1.],
           [ 3., nan],
           [ 2.,  3.]])
    >>> table.n_categories
    (4, 0)
    """

    columns: tuple[Column, ...]

    @property
    def n_categories(self) -> tuple[int, ...]:
        """Number of codes of each column of the array, 0 for numbers."""
        sizes = []
        for column in self.columns:
            if column.reader is not None:
                sizes += [0, *[column.reader.vocab_size] * column.reader.n_words]
                continue
            is_category = column.kind == CATEGORY
            size = FIRST + len(column.categories) if is_category else 0
            sizes += [size] * column.n_outputs
        return tuple(sizes)

    @property
    def has_texts(self) -> bool:
        """Whether a column holds texts."""
        return any(column.reader is not None for column in self.columns)

    @property
    def text(self) -> TextReader | None:
        """What reads the texts, where X is nothing but texts."""
        return self.columns[0].reader if len(self.columns) == 1 else None

    def learn_texts(
        self, X: Any, rows: Any, target: Any, weight: Any, *, anew: bool
    ) -> "Table":
        """Fill in the logits of texts for rows to train on; `anew`: learn models.

        A row gets the logit of a model that was not trained on it, or training would
        treat as certain what the model has memorised.
        """
        columns = []
        place = 0
        for learned, (_, cells) in zip(self.columns, columns_of(X), strict=True):
            if learned.reader is not None:
                texts = values_of(cells)
                reader, rows[:, place] = learn_model(
                    learned.reader, texts, target, weight
                )
                learned = replace(learned, reader=reader) if anew else learned
            columns.append(learned)
            place += learned.n_outputs
        return Table(tuple(columns))

    def logits_of_texts(self, X: Any) -> NDArray[np.float64]:
        """Compute the logit of each text, (n, n_columns_of_texts)."""
        return np.column_stack(
            [
                learned.reader.logits(values_of(cells))
                for learned, (_, cells) in zip(self.columns, columns_of(X), strict=True)
                if learned.reader is not None
            ]
        )

    def places_of_logits(self) -> list[int]:
        """List the columns of the array that hold logits of texts."""
        places = np.cumsum([0, *(column.n_outputs for column in self.columns)])
        return [
            int(place)
            for place, column in zip(places[:-1], self.columns, strict=True)
            if column.reader is not None
        ]

    def names_of_categories(self) -> list[Any]:
        """Names of the columns that hold categories."""
        return [column.name for column in self.columns if column.kind == CATEGORY]

    def encode(self, X: Any) -> NDArray[np.float64]:
        """Turn a table with the same columns into an array of numbers."""
        encoded = np.empty((len(X), len(self.n_categories)))
        place = 0
        for learned, (_, cells) in zip(self.columns, columns_of(X), strict=True):
            part = encoded[:, place : place + learned.n_outputs]
            part[:] = _encoded(learned, cells)
            place += learned.n_outputs
        return encoded


def learn_table(
    X: Any,
    weight: Any = None,
    categorical_features: Any = "from_dtype",
    text_features: Any = "auto",
) -> Table:
    """Learn what the columns of a table hold, from rows of positive weight."""
    is_named = _check_categorical_features(X, categorical_features)
    counts = np.ones(len(X), dtype=bool) if weight is None else weight > 0
    cells_of = list(columns_of(X))
    is_text = texts_among(cells_of, is_named, text_features)
    is_alone = len(cells_of) == 1
    return Table(
        tuple(
            _learned_text(name, cells, counts, is_alone)
            if is_text[place]
            else _learned(name, cells, is_named is not None and is_named[place], counts)
            for place, (name, cells) in enumerate(cells_of)
        )
    )


def needs_table(X: Any, categorical_features: Any = "from_dtype") -> bool:
    """Whether X holds more than numbers that go into one array as they are."""
    if is_frame(X):
        if all(_is_of_numpy(dtype) for dtype in getattr(X, "dtypes", [None])):
            return _names_any(X, categorical_features)
        dtypes = nw.from_native(X, eager_only=True).schema.dtypes()
        if any(_is_more_than_numbers(dtype) for dtype in dtypes):
            return True
    elif not isinstance(X, np.ndarray) or X.ndim != 2:
        refuse_named_columns(X, categorical_features)
        return False
    elif X.dtype.kind in "mMUT" or (X.dtype == object and _any_no_number(X.flat)):
        return True
    is_by_dtype = isinstance(categorical_features, str)
    named = (
        None if is_by_dtype else _check_categorical_features(X, categorical_features)
    )
    return named is not None and bool(named.any())


def rows_of_lists(X: Any, *, is_table: bool) -> Any:
    """Make an array of a list of rows that holds strings, or that is a table anyhow.

    NumPy would turn numbers among strings into strings.
    """
    if not isinstance(X, list | tuple) or not X:
        return X
    if not all(isinstance(row, list | tuple) for row in X):
        return X
    if len({len(row) for row in X}) > 1 or any(np.ndim(v) for v in X[0]):
        return X
    if is_table or _any_no_number(value for row in X for value in row):
        return np.array(X, dtype=object)
    return X


def _any_no_number(values: Iterable[Any]) -> bool:
    return any(isinstance(value, NO_NUMBERS) for value in values)


def refuse_named_columns(X: Any, categorical_features: Any) -> None:
    """Refuse `categorical_features` for inputs without columns."""
    if categorical_features is None or isinstance(categorical_features, str):
        return
    raise ValueError(
        "categorical_features names columns of a DataFrame or an array of two axes, "
        f"but X is a {type(X).__name__}. Pass it as one of them."
    )


def in_fitted_order(X: Any, names: Sequence[Any]) -> Any:
    """Bring the columns of a DataFrame into an order, if they are the same."""
    if not is_frame(X):
        return X
    frame = nw.from_native(X, eager_only=True)
    found = frame.columns
    if found == list(names):
        return X
    if {*found} != {*names}:
        _refuse_other_numbers(found, names)
        return X
    # By place: a name that is a number would be taken for one.
    return frame[:, [found.index(name) for name in names]].to_native()


def _refuse_other_numbers(found: Sequence[Any], names: Sequence[Any]) -> None:
    """Refuse other columns if their names are not strings, as scikit-learn does not."""
    if all(isinstance(name, str) for name in (*found, *names)):
        return
    raise ValueError(
        f"X has the columns {list(found)}, but fit saw {list(names)}. Give it the same "
        "columns."
    )


def require_distinct_columns(X: Any) -> None:
    """Refuse a DataFrame without columns, or in which a name stands for two."""
    if not is_frame(X):
        return
    names = Counter(X.column_names if hasattr(X, "column_names") else X.columns)
    if not names:
        raise ValueError(
            f"X has no columns (shape={X.shape}): there is nothing to learn from."
        )
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(
            f"X has several columns of the same name: {twice}. Rename them, since "
            "columns are known by their names."
        )


def _is_of_numpy(dtype: Any) -> bool:
    """Whether a column of pandas is numbers of NumPy's, or a sparse one of them."""
    is_known = isinstance(dtype, np.dtype) or hasattr(dtype, "fill_value")
    return is_known and dtype.kind in "biuf"


def _names_any(X: Any, categorical_features: Any) -> bool:
    if isinstance(categorical_features, str):  # "from_dtype", which was applied before
        return False
    named = _check_categorical_features(X, categorical_features)
    return named is not None and bool(named.any())


def require_numbers(X: Any) -> None:
    """Refuse a DataFrame of anything but finite numbers, where `fit` saw numbers."""
    dtypes = getattr(X, "dtypes", [None])
    if all(_is_of_numpy(dtype) for dtype in dtypes) and not _holds_infinity(X):
        return
    for name, cells in columns_of(X):
        kind = kind_of(cells, name)
        _require_kind(Column(name, NUMBER), kind, {NUMBER, EMPTY})
        numbers_of(cells, name)


def _holds_infinity(X: Any) -> bool:
    return not _is_sparse(X) and bool(np.isinf(np.asarray(X, dtype=np.float64)).any())


def _is_sparse(X: Any) -> bool:
    return any(hasattr(dtype, "fill_value") for dtype in X.dtypes)


def _is_more_than_numbers(dtype: Any) -> bool:
    return not (dtype.is_numeric() or dtype == nw.Boolean)


def _learned(
    name: Any, cells: Any, is_named: bool, counts: NDArray[np.bool_]
) -> Column:
    kind = kind_of(cells, name)
    if kind == EMPTY:
        return Column(name, EMPTY)
    if kind == CATEGORY or is_named:
        values = categories_of(cells, name)
        seen = Counter(
            value
            for value, is_counted in zip(values, counts, strict=True)
            if is_counted and value is not None
        )
        # With few rows a category needs fewer, down to one.
        fewest = min(_FEWEST_ROWS, max(1, int(counts.sum()) // 40))
        ordered = sorted(seen.items(), key=lambda pair: (-pair[1], str(pair[0])))
        kept = tuple(value for value, count in ordered if count >= fewest)
        if not (is_named or has_categorical_dtype(cells)):
            warn_if_no_category(name, seen, kept)
        return Column(name, CATEGORY, kept)
    return _learned_time(name, cells, counts) if kind == TIME else Column(name, kind)


def _learned_time(name: Any, cells: Any, counts: NDArray[np.bool_]) -> Column:
    days = times_of(cells)[counts]
    days = days[~np.isnan(days)]
    if not len(days):
        return Column(name, TIME)
    covered = float(np.ptp(days))
    latest = float(np.quantile(days, _LATEST))
    return Column(name, TIME, latest=latest, has_seasons=covered >= _TWO_YEARS)


def _learned_text(
    name: Any, cells: Any, counts: NDArray[np.bool_], is_alone: bool
) -> Column:
    values = zip(values_of(cells), counts, strict=True)
    texts = [value for value, is_counted in values if is_counted]
    return Column(name, TEXT, reader=learn_reader(texts, with_words=is_alone))


def _encoded(learned: Column, cells: Any) -> NDArray[np.float64]:
    kind = kind_of(cells, learned.name)
    if learned.reader is not None:
        if kind != EMPTY:
            _require_kind(learned, kind, {CATEGORY})
        texts = values_of(cells)
        return np.column_stack(
            [learned.reader.logits(texts), learned.reader.ids(texts)]
        )
    if learned.kind == CATEGORY:
        return _codes(learned, cells, kind)[:, np.newaxis]
    if learned.kind == EMPTY and kind != EMPTY:
        warn_user(
            f"Column {learned.name!r} held no values in fit, so that nothing was "
            "learned about it. Its values are read as missing.",
            UserWarning,
        )
    if kind == EMPTY or learned.kind == EMPTY:
        return np.full((len(cells), 1), np.nan)
    _require_kind(learned, kind, {learned.kind})
    if learned.kind == TIME:
        return _parts_of(times_of(cells), learned)
    return numbers_of(cells, learned.name)[:, np.newaxis]


def _require_kind(learned: Column, kind: str, allowed: set[str]) -> None:
    if kind in allowed:
        return
    fix = "Give it the same type."
    if learned.kind == NUMBER and kind == CATEGORY:
        fix = (
            "If these are numbers with a few words among them, write NaN for the "
            f"words: pd.to_numeric(X[{learned.name!r}], errors='coerce')."
        )
    raise ValueError(
        f"Column {learned.name!r} held {_in_words(learned.kind)} in fit, and holds "
        f"{_in_words(kind)} now. {fix}"
    )


def _in_words(kind: str) -> str:
    return {
        NUMBER: "numbers",
        DURATION: "durations",
        CATEGORY: "strings or categories",
        TEXT: "texts",
        TIME: "times",
        EMPTY: "no values",
    }[kind]


def _codes(learned: Column, cells: Any, kind: str) -> NDArray[np.float64]:
    values = categories_of(cells, learned.name)
    first = next((value for value in values if value is not None), None)
    known = learned.categories[0] if learned.categories else first
    if first is not None and isinstance(first, str) != isinstance(known, str):
        raise ValueError(
            f"Column {learned.name!r} held categories such as {known!r} in fit, and "
            f"holds {first!r} now. Give it the same type."
        )
    codes = {value: code for code, value in enumerate(learned.categories, FIRST)}
    codes[None] = MISSING
    encoded = np.fromiter((codes.get(v, OTHER) for v in values), float, len(values))
    if learned.categories and kind == TIME and not (encoded >= FIRST).any():
        _require_kind(learned, kind, {CATEGORY})
    return encoded


def _parts_of(days: NDArray[np.float64], learned: Column) -> NDArray[np.float64]:
    """Split times into what repeats and what does not, each in days."""
    is_missing = np.isnan(days)
    whole = np.floor(np.where(is_missing, 0, days))
    date = whole.astype("datetime64[D]")
    parts = np.column_stack(
        [
            np.minimum(days, learned.latest),
            days - whole,
            (whole + 3) % 7,  # 0 is Monday: 1970 began on a Thursday
            (date - date.astype("datetime64[Y]")).astype(float),
        ]
    )
    parts[is_missing] = np.nan
    return parts[:, : learned.n_outputs]

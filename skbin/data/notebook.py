"""What was learned about the columns, for scikit-learn's diagram in a notebook."""

from html import escape
from typing import Any

from skbin.data.cells import CATEGORY, NUMBER, TEXT, TIME
from skbin.data.fitted import FittedData
from skbin.data.tables import Column

_MOST_COLUMNS = 100
_MOST_CATEGORIES = 5
# Internals of skorch that do not help a reader of the diagram.
_NOT_LEARNED = (
    "cuda_dependent_attributes_",
    "init_context_",
    "initialized_",
    "prefixes_",
    "virtual_params_",
)


class ShowsColumns:
    """Show what was learned about the columns in scikit-learn's diagram."""

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        above: Any = super()
        shown = above._get_fitted_attr_html(doc_link)
        data = _data_of(self)
        return shown if data is None else _with_columns(shown, data)


def _data_of(estimator: Any) -> FittedData | None:
    """Return what a net has learned, or the net in the first member of an ensemble."""
    members = vars(estimator).get("estimators_")
    if members:
        return _data_of(members[0])
    steps = vars(estimator).get("steps")
    if steps:
        return _data_of(steps[-1][1])
    return getattr(estimator, "_data", None)


def _with_columns(attributes: Any, data: FittedData) -> Any:
    """Add what was learned about the columns to scikit-learn's fitted attributes."""
    for name in _NOT_LEARNED:
        attributes.pop(name, None)
    plain = attributes._html_repr
    attributes._html_repr = lambda: plain() + columns_html(data)
    return attributes


def columns_html(data: FittedData) -> str:
    """Return a table of the columns of a raw table, and nothing for other samples.

    Examples
    --------
    >>> from skbin import BinaryNetClassifier, make_payments
    >>> net = BinaryNetClassifier(max_epochs=1, pos_label="fraud")
    >>> html = columns_html(net.fit(*make_payments(500, random_state=0))._data)
    >>> "4 categories: BR, DE, FR, US" in html
    True
    """
    if data.table is None:
        return ""
    columns = data.table.columns
    rows = [_row(column) for column in columns[:_MOST_COLUMNS]]
    if len(columns) > _MOST_COLUMNS:
        rows.append(f"<tr><td>and {len(columns) - _MOST_COLUMNS} more</td></tr>")
    return (
        '<div class="estimator-table"><details><summary>Columns</summary>'
        '<table class="parameters-table"><tbody>'
        "<tr><th>Name</th><th>Read as</th><th>What was learned</th></tr>"
        f"{''.join(rows)}</tbody></table></details></div>"
    )


def _row(column: Column) -> str:
    cells = (str(column.name), column.kind, _learned(column))
    written = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr class="default">{written}</tr>'


def _learned(column: Column) -> str:
    if column.kind == CATEGORY:
        return _categories(column.categories)
    return {
        NUMBER: "scale and quantiles",
        TIME: _parts_of_time(column.has_seasons),
        TEXT: "a linear model of words and characters",
    }.get(column.kind, "")


def _parts_of_time(has_seasons: bool) -> str:
    parts = "days, time of day, day of the week"
    return f"{parts}, day of the year" if has_seasons else parts


def _categories(categories: tuple[Any, ...]) -> str:
    if not categories:
        return "no category in five rows or more"
    if len(categories) <= _MOST_CATEGORIES:
        names = ", ".join(sorted(map(str, categories)))
        return f"{len(categories)} categories: {names}"
    names = ", ".join(map(str, categories[:_MOST_CATEGORIES]))
    return f"{len(categories)} categories: {names}, ..."

"""A file that `export_onnx` wrote, read and checked: `OnnxFile`."""

import json
import os
import reprlib
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from skbin.data.cells import TEXT
from skbin.data.readers_in_json import is_reader, reader_from
from skbin.data.texts import TextReader
from skbin.machine.extras import import_optional
from skbin.serving.arrays import ArrayInput
from skbin.serving.columns import ColumnInputs
from skbin.serving.texts import TextInput

FORMAT = 1  # of the metadata, as `skbin_format`
_KEYS = (
    "classes",
    "positive_class",
    "threshold",
    "feature_names",
    "columns",
    "takes_missing",
    "channels",
)
# Errors raised by foreign metadata that are valid JSON.
_DAMAGES = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
# Networks compute more numbers of a row than it has, and many more of a signal.
_ROWS_AT_ONCE, _SIGNALS_AT_ONCE = 4096, 64
_FATAL = 4  # onnxruntime also prints what it raises, below this severity


class OnnxFile:
    """The graph and the metadata of a file, ready to run in any number of threads.

    It never changes, so that copies are the same object. A pickle holds the bytes.
    """

    def __init__(self, content: bytes, name: str, n_threads: int = 1) -> None:
        self.content = content
        self.name = name
        self.n_threads = n_threads
        self._session = _session(content, name, n_threads)
        says = _metadata(self._session, name)
        try:
            self.classes = np.array(says["classes"])
            self.positive_class = says["positive_class"]
            self.positive_index = says["classes"].index(self.positive_class)
            self.threshold = float(says["threshold"])
            self.inputs = _inputs(self._session, says)
        except _DAMAGES as error:
            raise ValueError(
                f"{name} is damaged: its metadata and its inputs do not agree "
                f"({error!r}); export it again with skbin.export_onnx."
            ) from error

    def __reduce__(self) -> Any:
        return OnnxFile, (self.content, self.name, self.n_threads)

    def __copy__(self) -> "OnnxFile":
        return self

    def __deepcopy__(self, memo: Any) -> "OnnxFile":
        return self

    def __repr__(self) -> str:
        return f"OnnxFile({self.name!r})"

    def probabilities(self, X: Any) -> NDArray[np.float64]:
        """Compute the probability of each class, (n_samples, 2)."""
        return self._run(["probabilities"], X)[0]

    def labels(self, X: Any) -> NDArray[Any]:
        """Decide for each row by the threshold of the file."""
        return self._run(["probabilities", "label"], X)[1]

    def _in_parts(
        self, outputs: list[str], given: dict[str, NDArray[Any]]
    ) -> list[NDArray[Any]]:
        rows = next(iter(given.values()))
        most = _SIGNALS_AT_ONCE if rows.ndim == 3 else _ROWS_AT_ONCE
        if len(rows) <= most:
            return self._session.run(outputs, given)
        parts = [
            self._session.run(
                outputs, {name: X[begin : begin + most] for name, X in given.items()}
            )
            for begin in range(0, len(rows), most)
        ]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    def _run(self, outputs: list[str], X: Any) -> list[NDArray[Any]]:
        given = self.inputs.read(X)
        try:
            results = self._in_parts(outputs, given)
        except Exception as error:  # onnxruntime has no error class
            raise ValueError(
                f"onnxruntime cannot compute {self.name} for these rows: {error}"
            ) from error
        if np.isnan(results[0]).any():
            row = int(np.argmax(np.isnan(results[0]).any(axis=1)))
            raise ValueError(
                f"Row {row} of X has no probability: it holds a category that did not "
                "occur in training, a missing value, or a number that is too large. "
                "Leave the row out, or export a pipeline that takes it: with "
                "handle_unknown='ignore' in the encoder, or with a SimpleImputer."
            )
        return results


def read_onnx_file(path: str | os.PathLike[str], n_threads: int) -> OnnxFile:
    """Read a file; raise OSError as `open` does, or ValueError if it is not ours."""
    check_scalar(n_threads, "n_threads", Integral, min_val=1)
    with open(path, "rb") as file:
        return OnnxFile(file.read(), os.fspath(path), n_threads)


def _session(content: bytes, name: str, n_threads: int) -> Any:
    onnxruntime = import_optional("onnxruntime", "serve")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    try:
        return onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime has no error class
        raise ValueError(
            f"{name} cannot be read as ONNX: it is another kind of file, was cut "
            f"short, or needs a newer onnxruntime, which says: {error}"
        ) from error


def _metadata(session: Any, name: str) -> dict[str, Any]:
    written = session.get_modelmeta().custom_metadata_map
    if "skbin_format" not in written:
        raise ValueError(
            f"{name} was written by an older skbin or by another program; export it "
            "again with skbin.export_onnx."
        )
    try:
        number = int(json.loads(written["skbin_format"]))
        says = {key: json.loads(written[key]) for key in _KEYS if number == FORMAT}
    except _DAMAGES as error:
        raise ValueError(
            f"{name} is damaged: its metadata are incomplete or not JSON ({error!r}); "
            "export it again with skbin.export_onnx."
        ) from error
    if number == FORMAT:
        return says
    raise ValueError(
        f"{name} was written by a newer version of skbin (its skbin_format is "
        f"{number}, this version reads {FORMAT}); update skbin here, or export it "
        "again with this version."
    )


def _inputs(
    session: Any, says: dict[str, Any]
) -> ArrayInput | ColumnInputs | TextInput:
    types = {given.name: given.type for given in session.get_inputs()}
    if says["columns"] is not None:
        widths = {given.name: given.shape[1] for given in session.get_inputs()}
        readers = _readers(says["columns"], widths)
        if len(says["columns"]) == 1 and readers:
            has_name = says["feature_names"] is not None
            return TextInput(*readers.popitem(), has_name=has_name)
        kinds = {column["name"]: column["kind"] for column in says["columns"]}
        return ColumnInputs(
            {name: (kinds[name], types[name]) for name in kinds},
            takes_missing=says["takes_missing"],
            readers=readers,
            have_names=says["feature_names"] is not None,
        )
    return ArrayInput(
        types["X"],
        tuple(session.get_inputs()[0].shape[1:]),
        says["feature_names"],
        takes_missing=says["takes_missing"],
        channels=says["channels"],
    )


def _readers(columns: Any, widths: dict[str, int]) -> dict[str, list[TextReader]]:
    """Build what reads the texts, in Python: ONNX cannot split them into words."""
    described = {c["name"]: c["readers"] for c in columns if c["kind"] == TEXT}
    for name, readers in described.items():
        are_readers = bool(readers) and all(map(is_reader, readers))
        # More words than the graph takes would fill the memory.
        if not are_readers or widths[name] != sum(1 + r["n_words"] for r in readers):
            raise ValueError(f"how texts are read: {reprlib.repr(readers)}")
    return {name: list(map(reader_from, found)) for name, found in described.items()}

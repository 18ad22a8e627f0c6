"""How a net reads texts, as JSON and back."""

import math
from typing import Any

import numpy as np

from skbin.data.ngrams import N_BUCKETS
from skbin.data.texts import LinearModel, TextReader

_LONGEST = 2**31  # characters


def describe_reader(reader: TextReader | None) -> dict[str, Any] | None:
    """Write down the words and the linear model."""
    if reader is None:
        return None
    model = reader.model
    return {
        "n_characters": reader.n_characters,
        "n_words": reader.n_words,
        "words": list(reader.words),
        "model": None
        if model is None
        else {
            "buckets": [buckets.tolist() for buckets in model.buckets],
            "weights": [weights.tolist() for weights in model.weights],
            "intercept": model.intercept,
        },
    }


def reader_from(described: Any) -> TextReader:
    """Build what `is_reader` has found to be right."""
    model = described["model"]
    if model is not None:
        model = LinearModel(
            tuple(np.array(buckets, dtype=np.int64) for buckets in model["buckets"]),
            tuple(np.array(weights, dtype=np.float32) for weights in model["weights"]),
            float(model["intercept"]),
        )
    return TextReader(
        described["n_characters"],
        described["n_words"],
        tuple(described["words"]),
        model,
    )


def is_reader(described: Any) -> bool:
    """Whether a file holds what `describe_reader` writes."""
    keys = {"n_characters", "n_words", "words", "model"}
    if not isinstance(described, dict) or {*described} != keys:
        return False
    words = described["words"]
    return (
        _is_count(described["n_characters"])
        and _is_count(described["n_words"])
        and isinstance(words, list)
        and all(type(word) is str for word in words)
        and len({*words}) == len(words)
        and (described["model"] is None or _is_model(described["model"]))
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LONGEST


def _is_model(model: Any) -> bool:
    if not isinstance(model, dict) or {*model} != {"buckets", "weights", "intercept"}:
        return False
    buckets, weights = model["buckets"], model["weights"]
    are_blocks = (
        isinstance(buckets, list)
        and isinstance(weights, list)
        and len(buckets) == len(weights) == 2
    )
    return (
        are_blocks
        and _is_finite(model["intercept"])
        and all(map(_are_buckets, buckets))
        and all(
            isinstance(block, list) and all(map(_is_finite, block)) for block in weights
        )
        and [len(block) for block in buckets] == [len(block) for block in weights]
    )


def _are_buckets(block: Any) -> bool:
    if not isinstance(block, list) or not all(type(place) is int for place in block):
        return False
    return sorted({*block}) == block and all(0 <= place < N_BUCKETS for place in block)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)

"""Reading of texts: the words for a network, and a linear model over n-grams."""

import functools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import normalize

from skbin.data.ngrams import WORD_OR_MARKS, ngrams_of

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2
# A text is read up to this many times the median length, or up to these numbers if they
# are more: one huge text must neither pad all others nor make them wait.
_TIMES_THE_MEDIAN, _CHARACTERS, _WORDS = 32, 2_000, 256
_FEWEST_TEXTS = 2  # in which a word or an n-gram must occur to be learned
_MOST_WORDS = 50_000
_N_FOLDS = 5
# Measured on four sets of texts: see docs/benchmarks/texts.rst.
_C = 10.0


@dataclass(frozen=True)
class LinearModel:
    """Logistic regression over n-grams that are hashed into buckets.

    There is a block for words and pairs of words, and one for two to five characters
    within a word. `buckets` are those of which something was learned.
    """

    buckets: tuple[NDArray[np.int64], ...]
    weights: tuple[NDArray[np.float32], ...]
    intercept: float

    def logits(self, blocks: Sequence[sparse.csr_matrix]) -> NDArray[np.float64]:
        """Compute the logit of each text from its n-grams."""
        total = np.full(blocks[0].shape[0], self.intercept)
        for block, buckets, weights in zip(
            blocks, self.buckets, self.weights, strict=True
        ):
            if len(buckets):
                total += normalize(block[:, buckets]) @ weights.astype(np.float64)
        return total


@dataclass(frozen=True)
class TextReader:
    """What `fit` has learned about a column of texts.

    Examples
    --------
    >>> reader = learn_reader(["win a prize", "a prize", None], with_words=True)
    >>> reader.words
    ('a', 'prize')
    >>> reader.ids(["a new prize"])
    array([[2, 1, 3]], dtype=int32)
    """

    n_characters: int
    n_words: int = 0
    words: tuple[str, ...] = ()
    model: LinearModel | None = None

    @property
    def vocab_size(self) -> int:
        """Number of word ids."""
        return FIRST_WORD + len(self.words)

    def ids(self, texts: Sequence[str | None]) -> NDArray[np.int32]:
        """Look up the words of each text, (n_texts, n_words)."""
        places = _places_of(self.words)
        ids = np.full((len(texts), self.n_words), PADDING, dtype=np.int32)
        if not self.n_words:
            return ids
        for row, text in zip(ids, self.cut(texts), strict=True):
            words = re.findall(WORD_OR_MARKS, text)[: self.n_words]
            row[: len(words)] = [places.get(word, UNKNOWN) for word in words]
        return ids

    def logits(self, texts: Sequence[str | None]) -> NDArray[np.float64]:
        """Compute the logit of the linear model, NaN for a missing text."""
        if self.model is None:
            return np.zeros(len(texts))
        texts = self.given(texts)
        is_missing = np.array([text is None for text in texts], dtype=bool)
        logits = self.model.logits(ngrams_of(self.cut(texts)))
        return np.where(is_missing, np.nan, logits)

    def given(self, texts: Sequence[str | None]) -> list[str | None]:
        """Read a missing text as an empty one, if X holds only texts."""
        return [text or "" for text in texts] if self.n_words else list(texts)

    def cut(self, texts: Sequence[str | None]) -> list[str]:
        """Keep the part of each text that is read; a missing one is empty."""
        return [_readable((text or "")[: self.n_characters]) for text in texts]


def _readable(text: str) -> str:
    """Write in lower case; half of a pair of surrogates, which no hash takes, as ?."""
    return text.lower().encode("utf-8", "replace").decode("utf-8")


@functools.lru_cache(maxsize=8)
def _places_of(words: tuple[str, ...]) -> dict[str, int]:
    """Map words to ids; cached, because one text must not wait for all words."""
    return {word: place for place, word in enumerate(words, FIRST_WORD)}


def learn_reader(texts: Sequence[str | None], *, with_words: bool) -> TextReader:
    """Learn how far texts are read, and the words that a network sees."""
    texts = texts or [""]
    median = float(np.median([len(text or "") for text in texts]))
    reader = TextReader(max(_CHARACTERS, math.ceil(_TIMES_THE_MEDIAN * median)))
    if not with_words:
        return reader
    seen: Counter[str] = Counter()
    lengths = []
    for text in reader.cut(texts):
        words = re.findall(WORD_OR_MARKS, text)
        seen.update(set(words))
        lengths.append(len(words))
    most = max(_WORDS, math.ceil(_TIMES_THE_MEDIAN * float(np.median(lengths))))
    kept = [word for word, n in seen.most_common(_MOST_WORDS) if n >= _FEWEST_TEXTS]
    n_words = max(1, min(most, max(lengths)))
    return replace(reader, n_words=n_words, words=tuple(sorted(kept)))


def learn_model(
    reader: TextReader,
    texts: Sequence[str | None],
    target: NDArray[np.float32],
    weight: NDArray[np.float64] | None,
) -> tuple[TextReader, NDArray[np.float64]]:
    """Fit the linear model; return each text's logit by a model not trained on it.

    Copies of a text are in the same fold. A text that does not count gets that of all.
    """
    texts = reader.given(texts)
    weight = np.ones(len(target)) if weight is None else weight
    is_missing = np.array([text is None for text in texts], dtype=bool)
    counted = np.flatnonzero((weight > 0) & ~is_missing)
    if not len(counted):
        return reader, np.full(len(texts), np.nan)
    # A row of weight zero must not raise those of the others.
    weight = weight / weight[counted].mean()
    read = reader.cut(texts)
    blocks = ngrams_of(read)
    y = target.astype(np.int64)

    def fitted_to(rows: NDArray[np.intp]) -> LinearModel:
        return _fit([block[rows] for block in blocks], y[rows], weight[rows])

    model = fitted_to(counted)
    logits = np.where(is_missing, np.nan, model.logits(blocks))
    folds = _folds([read[row] for row in counted], y[counted])
    if not folds:  # no model can leave out a row
        logits[counted] = model.intercept
    for train, left_out in folds:
        rows = counted[left_out]
        without = fitted_to(counted[train])
        logits[rows] = without.logits([block[rows] for block in blocks])
    return replace(reader, model=model), logits


def _folds(
    texts: list[str], y: NDArray[np.int64]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Split rows into folds, or not at all if a class has one text."""
    # Not as an array of strings, which would be as wide as the longest.
    numbers: dict[str, int] = {}
    which = np.array([numbers.setdefault(text, len(numbers)) for text in texts], int)
    _, first = np.unique(which, return_index=True)
    if not len(first):
        return []
    fewest = int(np.bincount(y[first], minlength=2).min())
    if fewest < 2:
        return []
    folds = StratifiedKFold(min(_N_FOLDS, fewest), shuffle=True, random_state=0)
    return [
        (np.flatnonzero(np.isin(which, train)), np.flatnonzero(np.isin(which, left)))
        for train, left in folds.split(first, y[first])
    ]


def _fit(
    blocks: list[sparse.csr_matrix], y: NDArray[np.int64], weight: NDArray[np.float64]
) -> LinearModel:
    """Fit a logistic regression to n-grams scaled by naive Bayes' log-count ratios.

    Wang and Manning, "Baselines and bigrams: simple, good sentiment and topic
    classification", ACL 2012.
    """
    known = [
        np.flatnonzero(np.bincount(block.indices, minlength=1) >= _FEWEST_TEXTS)
        for block in blocks
    ]
    kept = [block[:, buckets] for block, buckets in zip(blocks, known, strict=True)]
    if len(np.unique(y)) < 2 or not sum(map(len, known)):
        share = np.clip(np.average(y, weights=weight), 1e-6, 1 - 1e-6)
        nothing = tuple(np.zeros(len(buckets), np.float32) for buckets in known)
        return LinearModel(tuple(known), nothing, float(logit(share)))
    ratios = [_log_count_ratios(block, y, weight) for block in kept]
    scaled = [
        (normalize(block) if len(ratio) else block).multiply(ratio)
        for block, ratio in zip(kept, ratios, strict=True)
    ]
    model = LogisticRegression(C=_C, max_iter=1000)
    model.fit(sparse.hstack(scaled, format="csr"), y, sample_weight=weight)
    parts = np.split(model.coef_[0], np.cumsum([len(ratio) for ratio in ratios])[:-1])
    weights = (
        (ratio * part).astype(np.float32)
        for ratio, part in zip(ratios, parts, strict=True)
    )
    return LinearModel(tuple(known), tuple(weights), float(model.intercept_[0]))


def _log_count_ratios(
    block: sparse.csr_matrix, y: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compare how often each n-gram is in texts of both classes, smoothed by one text.

    The text that is added holds each n-gram as often as all texts together do.
    """
    shares = []
    for label in (0, 1):
        of_class = weight * (y == label)
        total = of_class.sum()
        prior = total / weight.sum()
        shares.append((block.T @ of_class + prior) / (total + 1))
    return np.log(shares[1]) - np.log(shares[0])

"""The n-grams of texts, hashed: each text is read once for all that ask for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

# Marks tell as much as words in messages: "!!!", ":)".
WORD_OR_MARKS = r"\w+|[^\w\s]+"
N_BUCKETS = 2**18
_BLOCKS = (
    {"analyzer": "word", "token_pattern": WORD_OR_MARKS, "ngram_range": (1, 2)},
    {"analyzer": "char_wb", "ngram_range": (2, 5)},
)


def ngrams_of(texts: Sequence[str]) -> list[sparse.csr_matrix]:
    """Count which n-grams are in each text, a matrix of 0 and 1 for each block.

    There is a block for words and pairs of words, and one for two to five characters
    within a word.
    """
    kept = _kept.get()
    return _hashed(texts) if kept is None else kept.ngrams_of(texts)


@contextmanager
def each_text_read_once() -> Iterator[None]:
    """Keep what has been read of texts: it takes most of the time of a fit."""
    if _kept.get() is not None:
        yield
        return
    token = _kept.set(_ReadTexts())
    try:
        yield
    finally:
        _kept.reset(token)


@dataclass
class _ReadTexts:
    """The n-grams of all texts that were asked for, and in which row they stand."""

    rows: dict[str, int] = field(default_factory=dict)
    blocks: list[sparse.csr_matrix] = field(default_factory=list)

    def ngrams_of(self, texts: Sequence[str]) -> list[sparse.csr_matrix]:
        new = [text for text in dict.fromkeys(texts) if text not in self.rows]
        if new or not self.blocks:
            self._add(new)
        places = [self.rows[text] for text in texts]
        if places == list(range(len(self.rows))):
            return self.blocks
        return [block[places] for block in self.blocks]

    def _add(self, texts: list[str]) -> None:
        parts = zip(self.blocks or [None, None], _hashed(texts), strict=True)
        # SciPy leaves out what is None.
        self.blocks = [sparse.vstack([old, new], format="csr") for old, new in parts]
        for text in texts:
            self.rows[text] = len(self.rows)


_kept: ContextVar[_ReadTexts | None] = ContextVar("read_texts", default=None)


def _hashed(texts: Sequence[str]) -> list[sparse.csr_matrix]:
    return [
        HashingVectorizer(
            **options,
            n_features=N_BUCKETS,
            binary=True,
            norm=None,
            alternate_sign=False,
            lowercase=False,
        ).transform(texts)
        for options in _BLOCKS
    ]

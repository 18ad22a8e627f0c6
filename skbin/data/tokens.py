"""From raw strings to padded token ids: `TokenEncoder`."""

import copy
import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

PADDING = 0
UNKNOWN = 1
_FIRST_TOKEN = 2
_ANY_WORD = r"(?u)\b\w+\b"
# Without max_length the ids of a data set take up at most this many times the memory
# that they would take up without padding, or this many columns. The longest of a few
# thousand messages, questions or news items has 4 to 18 times the mean length.
_MOST_TIMES_THE_MEAN = 32
_COLUMNS_THAT_MAY_BE_PADDING = 256
_OF_COUNTS_ALONE = {
    "binary",
    "decode_error",
    "dtype",
    "encoding",
    "input",
    "vocabulary",
}


class TokenEncoder(TransformerMixin, BaseEstimator):
    r"""Turn texts into rows of token ids, for `TextConvNet` and other embeddings.

    Texts are split as in :class:`sklearn.feature_extraction.text.CountVectorizer`, and
    all parameters but `max_length` have the same meaning there. Id 0 is padding, 1 is
    any unknown token, and the tokens of the vocabulary follow in alphabetical order.

    Parameters
    ----------
    max_length : int, default=None
        Number of tokens kept from the start of a text; the rest is cut off. None: the
        length of the longest fitted text, but at most 256 or 32 times the mean length,
        whichever is more, so that one huge text does not pad all others to its length.
    strip_accents : {"ascii", "unicode"} or callable, default=None
        Remove accents.
    lowercase : bool, default=True
        Convert to lower case before splitting.
    preprocessor : callable, default=None
        Replaces accent stripping and lower-casing.
    tokenizer : callable, default=None
        Replaces the split into tokens.
    stop_words : "english" or list of str, default=None
        Tokens to leave out.
    token_pattern : str, default="(?u)\\b\\w+\\b"
        Regular expression of a token; the default matches any word. scikit-learn's
        default leaves out words of one letter, which help to recognise questions and
        spam; see *Measured on real data*.
    ngram_range : tuple of two int, default=(1, 1)
        Minimum and maximum number of words (or characters) in a token.
    analyzer : {"word", "char", "char_wb"} or callable, default="word"
        Whether tokens are made of words or of characters.
    max_df : float in [0, 1] or int, default=1.0
        Leave out tokens that occur in more texts than this fraction or number.
    min_df : float in [0, 1] or int, default=1
        Leave out tokens that occur in fewer texts than this fraction or number.
    max_features : int, default=None
        Keep only the most frequent tokens.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Tokens and their ids.
    max_length_ : int
        Length of each row.

    See Also
    --------
    TextConvNet : The network for token ids.

    Examples
    --------
    >>> from skbin import TokenEncoder
    >>> encoder = TokenEncoder().fit(["win a prize", "see you at noon"])
    >>> encoder.transform(["the prize at noon", "win"])
    array([[1, 5, 3, 4],
           [7, 0, 0, 0]])
    >>> encoder.inverse_transform([[1, 5, 3, 4], [7, 0, 0, 0]])
    [['<unknown>', 'prize', 'at', 'noon'], ['win']]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: constraint
            for name, constraint in CountVectorizer._parameter_constraints.items()
            if name not in _OF_COUNTS_ALONE
        },
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        max_length: int | None = None,
        strip_accents: Any = None,
        lowercase: bool = True,
        preprocessor: Any = None,
        tokenizer: Any = None,
        stop_words: Any = None,
        token_pattern: str | None = _ANY_WORD,
        ngram_range: tuple[int, int] = (1, 1),
        analyzer: Any = "word",
        max_df: float = 1.0,
        min_df: float = 1,
        max_features: int | None = None,
    ) -> None:
        self.max_length = max_length
        self.strip_accents = strip_accents
        self.lowercase = lowercase
        self.preprocessor = preprocessor
        self.tokenizer = tokenizer
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.ngram_range = ngram_range
        self.analyzer = analyzer
        self.max_df = max_df
        self.min_df = min_df
        self.max_features = max_features

    def _make_vectorizer(self) -> CountVectorizer:
        params = self.get_params(deep=False)
        del params["max_length"]
        params["stop_words"] = copy.copy(self.stop_words)
        splits_by_pattern = self.analyzer == "word" and self.tokenizer is None
        if self.token_pattern == _ANY_WORD and not splits_by_pattern:
            del params["token_pattern"]  # else scikit-learn warns that it is not used
        return CountVectorizer(**params)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Iterable[str], y: Any = None) -> "TokenEncoder":
        """Learn the vocabulary.

        Parameters
        ----------
        X : iterable of str
            The texts.
        y : None
            Ignored.

        Returns
        -------
        self : TokenEncoder
        """
        texts = _as_texts(X)
        tokens = self._make_vectorizer().fit(texts).get_feature_names_out()
        # Parameters that are set later must not change how transform splits texts.
        self._splitter = self._make_vectorizer()
        self.vocabulary_ = {token: i for i, token in enumerate(tokens, _FIRST_TOKEN)}
        self.max_length_ = self.max_length or self._bounded_length(texts)
        return self

    def _bounded_length(self, texts: list[str]) -> int:
        analyze = self._splitter.build_analyzer()
        lengths = [len(analyze(text)) for text in texts]
        most = math.ceil(_MOST_TIMES_THE_MEAN * sum(lengths) / len(lengths))
        return min(max(lengths), max(_COLUMNS_THAT_MAY_BE_PADDING, most))

    def transform(self, X: Iterable[str]) -> NDArray[np.int64]:
        """Look up each token.

        Parameters
        ----------
        X : iterable of str
            The texts.

        Returns
        -------
        ids : ndarray of int64 of shape (n_samples, ``max_length_``)
            Rows end in 0 where the text is shorter.
        """
        check_is_fitted(self)
        texts = _as_texts(X)
        analyze = self._splitter.build_analyzer()
        ids = np.full((len(texts), self.max_length_), PADDING, dtype=np.int64)
        for row, text in zip(ids, texts, strict=True):
            tokens = analyze(text)[: self.max_length_]
            row[: len(tokens)] = [
                self.vocabulary_.get(token, UNKNOWN) for token in tokens
            ]
        return ids

    def inverse_transform(self, X: Any) -> list[list[str]]:
        """Look up the tokens of each row.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_tokens)
            Token ids, 0 for padding.

        Returns
        -------
        tokens : list of list of str
            The tokens of each row, without padding.
        """
        check_is_fitted(self)
        names = np.array(["", "<unknown>", *self.vocabulary_], dtype=object)
        return [names[row[row != PADDING]].tolist() for row in np.asarray(X)]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str of shape (``max_length_``,)
            ``token0``, ``token1`` and so on.
        """
        check_is_fitted(self)
        return np.array([f"token{i}" for i in range(self.max_length_)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _as_texts(X: Iterable[str]) -> list[str]:
    if isinstance(X, str):
        raise ValueError(
            "Iterable over raw text documents expected, string object received."
        )
    if hasattr(X, "columns"):
        raise ValueError(
            "X must be texts, one str for each sample, but it is a table with columns "
            f"{list(X.columns)}. Pass one column of it: X[{next(iter(X.columns))!r}]."
        )
    texts = X.tolist() if hasattr(X, "tolist") else list(X)
    wrong = [text for text in texts if not isinstance(text, str)]
    if texts and not wrong:
        return texts
    received = f"{wrong[0]!r} of {type(wrong[0])}" if wrong else "nothing"
    raise ValueError(f"X must be texts, one str for each sample, got {received}.")

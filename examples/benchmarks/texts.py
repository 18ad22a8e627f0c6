"""
Texts: the default against strong linear models
===============================================

Each file of ``--data`` is a ``.npz`` with strings ``X`` and labels ``y``, or a ``.csv``
with a column of strings and one of labels, ``target``. For seeds 0, 1, ... it is split
70 : 30, stratified, and this prints means over the seeds, on the 30 %, of average
precision, log loss, Brier score and the seconds of a fit; then the means over the
files, and the mean rank by average precision.

- *TF-IDF, words* and *words + characters*: logistic regression over words and pairs of
  words, and over two to five characters within words as well, the C of 1 to 100 that is
  best in three folds by log loss;
- *NB-SVM*: logistic regression over words and pairs of words, scaled by naive Bayes'
  log-count ratios (Wang and Manning 2012);
- *fastText's model*: a linear layer over the mean of embeddings of hashed words and
  pairs of words, trained text by text (Joulin et al. 2016), with the learning rate and
  epochs that are best on a fifth of the training texts by log loss; implemented here,
  because fastText itself is no longer maintained;
- *TextConvNet*: only the convolutions, after `TokenEncoder`, 50 epochs;
- *BinaryNetClassifier()* and *CrossFitClassifier()*: raw strings, defaults.

Run it with ``OMP_NUM_THREADS=1 python examples/benchmarks/texts.py --data folder/*``.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedShuffleSplit,
    train_test_split,
)
from sklearn.pipeline import make_pipeline, make_union

from skbin import BinaryNetClassifier, CrossFitClassifier, TextConvNet, TokenEncoder

ANY_WORD = r"\b\w+\b"
# The empty match is fastText's word for the end. Its share depends on the length of a
# text; without it, average precision on spam is .03 lower.
WORD_OR_MARK_OR_END = r"\w+|[^\w\s]|$"


class LogCountRatios(TransformerMixin, BaseEstimator):
    """Scale columns of 0 and 1 by naive Bayes' log-count ratios."""

    def fit(self, X, y):
        counts = [X[y == label].sum(axis=0).A1 + 1.0 for label in (0, 1)]
        shares = [count / count.sum() for count in counts]
        self.ratios_ = np.log(shares[1]) - np.log(shares[0])
        return self

    def transform(self, X):
        return X.multiply(self.ratios_).tocsr()


class MeanEmbedding(ClassifierMixin, BaseEstimator):
    """Train fastText's model on counts of hashed words, one text at a time."""

    def __init__(self, rate=0.5, n_epochs=25, size=100, random_state=None):
        self.rate = rate
        self.n_epochs = n_epochs
        self.size = size
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        random = np.random.default_rng(self.random_state)
        scale = 1 / self.size
        table = random.uniform(-scale, scale, (X.shape[1], self.size))
        self.embeddings_ = table.astype(np.float32)
        self.weights_ = np.zeros(self.size, dtype=np.float32)
        self.bias_ = np.float32(0)
        texts = list(words_and_shares(X))
        orders = [random.permutation(len(y)) for _ in range(self.n_epochs)]
        # As in fastText, the learning rate falls linearly to 0.
        rates = np.linspace(
            self.rate, 0, len(y) * self.n_epochs, endpoint=False, dtype=np.float32
        )
        labels = y.astype(np.float32)
        for row, rate in zip(np.concatenate(orders), rates, strict=True):
            self._step(*texts[row], labels[row], rate)
        return self

    def _step(self, words, shares, label, rate):
        mean = shares @ self.embeddings_[words]
        step = rate * (label - expit(mean @ self.weights_ + self.bias_))
        self.embeddings_[words] += np.outer(step * shares, self.weights_)
        # fastText has weights for each class; their difference moves by both steps.
        self.weights_ += 2 * step * mean
        self.bias_ += 2 * step

    def predict_proba(self, X):
        means = [
            shares @ self.embeddings_[words] for words, shares in words_and_shares(X)
        ]
        probability = expit(np.array(means) @ self.weights_ + self.bias_)
        return np.column_stack([1 - probability, probability])


def words_and_shares(X):
    for start, end in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        counts = X.data[start:end]
        yield X.indices[start:end], counts / counts.sum()


def make_mean_embedding(seed):
    counts = HashingVectorizer(
        ngram_range=(1, 2),
        token_pattern=WORD_OR_MARK_OR_END,
        n_features=2**18,
        norm=None,
        alternate_sign=False,
        dtype=np.float32,
    )
    search = GridSearchCV(
        MeanEmbedding(random_state=seed),
        {"rate": [0.1, 0.5], "n_epochs": [5, 25]},
        scoring="neg_log_loss",
        cv=StratifiedShuffleSplit(n_splits=1, test_size=0.2, random_state=seed),
    )
    return make_pipeline(counts, search)


def make_models(seed):
    words = TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=ANY_WORD, sublinear_tf=True
    )
    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2
    )
    regression = LogisticRegressionCV(
        Cs=[1, 10, 100],
        cv=3,
        scoring="neg_log_loss",
        max_iter=1000,
        use_legacy_attributes=False,
        l1_ratios=(0,),
    )
    counts = CountVectorizer(ngram_range=(1, 2), token_pattern=ANY_WORD, binary=True)
    return {
        "TF-IDF, words": make_pipeline(words, regression),
        "TF-IDF, words + characters": make_pipeline(
            make_union(words, characters), regression
        ),
        "NB-SVM": make_pipeline(
            counts, LogCountRatios(), LogisticRegression(max_iter=1000)
        ),
        "fastText's model": make_mean_embedding(seed),
        "TextConvNet": make_pipeline(
            TokenEncoder(), BinaryNetClassifier(TextConvNet, random_state=seed)
        ),
        "BinaryNetClassifier()": BinaryNetClassifier(random_state=seed),
        "CrossFitClassifier()": CrossFitClassifier(random_state=seed),
    }


def read(path):
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=True) as data:
            return data["X"].astype(object).ravel(), (data["y"] == 1).astype(int)
    table = pd.read_csv(path)
    labels = table.pop("target").to_numpy()
    return table.iloc[:, 0].to_numpy(dtype=object), (labels == 1).astype(int)


def measure(model, X, X_test, y, y_test):
    start = time.perf_counter()
    probability = model.fit(X, y).predict_proba(X_test)[:, 1]
    return [
        average_precision_score(y_test, probability),
        log_loss(y_test, probability),
        brier_score_loss(y_test, probability),
        time.perf_counter() - start,
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3, dest="n_seeds")
    parser.add_argument("--only", nargs="*", help="names of models")
    options = parser.parse_args()
    columns = f"{'AP':>8}{'log loss':>10}{'Brier':>8}{'s':>7}"
    found = {}
    for path in options.data:
        X, y = read(path)
        print(f"\n{path.name}: {len(y)} texts, {y.mean():.1%} positives")
        print(f"{'':<28}{columns}")
        for seed in range(options.n_seeds):
            parts = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
            for name, model in make_models(seed).items():
                if options.only is None or name in options.only:
                    rows = found.setdefault(name, {}).setdefault(path.name, [])
                    rows.append(measure(model, *parts))
        for name, by_path in found.items():
            show(name, np.mean(by_path[path.name], axis=0))
    means = {
        name: np.array([np.mean(rows, axis=0) for rows in by_path.values()])
        for name, by_path in found.items()
    }
    precisions = np.array([table[:, 0] for table in means.values()])
    ranks = (-precisions).argsort(axis=0).argsort(axis=0).mean(axis=1) + 1
    print(f"\nMeans over {len(options.data)} files\n{'':<28}{columns}{'rank':>6}")
    for (name, table), rank in zip(means.items(), ranks, strict=True):
        show(name, table.mean(axis=0), f"{rank:>6.2f}")


def show(name, row, rest=""):
    precision, loss, brier, seconds = row
    print(
        f"{name:<28}{precision:>8.3f}{loss:>10.4f}{brier:>8.4f}{seconds:>7.1f}{rest}",
        flush=True,
    )


if __name__ == "__main__":
    main()

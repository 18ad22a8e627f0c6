"""From raw strings to ids, and from ids to a trained network."""

import copy
import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline
from imblearn.under_sampling import RandomUnderSampler
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skbin import BinaryNetClassifier, TextConvNet, TokenEncoder

TEXTS = ["Win a prize now", "see you at noon", "win win WIN", ""]


@parametrize_with_checks([TokenEncoder(), TokenEncoder(max_length=4, analyzer="char")])
def test_encoder_passes_the_checks_of_text_transformers(estimator, check):
    check(estimator)


def test_ids_follow_the_alphabet_after_padding_and_unknown():
    encoder = TokenEncoder().fit(TEXTS)
    assert sorted(encoder.vocabulary_) == list(encoder.vocabulary_)
    assert list(encoder.vocabulary_.values()) == list(range(2, 10))
    row = encoder.transform(["prize for you"])[0]
    assert row.tolist() == [
        encoder.vocabulary_["prize"],
        1,
        encoder.vocabulary_["you"],
        0,
    ]


def test_rows_are_as_long_as_the_longest_text_or_as_told():
    assert TokenEncoder().fit_transform(TEXTS).shape == (4, 4)
    assert TokenEncoder().fit(TEXTS[:1]).max_length_ == 4
    assert TokenEncoder(max_length=2).fit_transform(TEXTS).shape == (4, 2)
    assert TokenEncoder().fit(TEXTS[2:]).transform(TEXTS[:1]).shape == (1, 3)


def words_of(*lengths):
    return [" ".join(["word"] * length) for length in lengths]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (words_of(50_000, *[10] * 2000), 1120),  # 32 times the mean of 34.98
        (words_of(50_000, *[1] * 9999), 256),
        (words_of(400, *[1] * 999), 256),
        (words_of(200, *[1] * 5000), 200),
        (words_of(2400, *[136] * 2000), 2400),
        (words_of(50_000, 1), 50_000),
        (words_of(50_000), 50_000),
    ],
)
def test_one_huge_text_does_not_pad_all_others_to_its_length(texts, expected):
    encoder = TokenEncoder().fit(texts)
    assert encoder.max_length_ == expected
    ids = encoder.transform(texts)
    assert ids.shape == (len(texts), expected)
    assert encoder.get_feature_names_out().shape == (expected,)
    # What is cut is the end of the huge text alone.
    lengths = [len(text.split()) for text in texts]
    assert_array_equal((ids != 0).sum(1), np.minimum(lengths, expected))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=40))
def test_padding_is_bounded_by_what_the_texts_hold(lengths):
    encoder = TokenEncoder().fit(words_of(*lengths))
    bound = max(256, 32 * sum(lengths) / len(lengths))
    assert encoder.max_length_ == min(max(lengths), np.ceil(bound))


def test_a_length_that_is_told_may_exceed_the_bound():
    texts = words_of(5000, *[1] * 1000)
    assert TokenEncoder(max_length=5000).fit(texts).max_length_ == 5000


words = st.lists(st.sampled_from(["spam", "Ham", "eggs", "of", "AT"]), max_size=6)
texts = st.lists(words.map(" ".join), min_size=1, max_size=8)


@given(texts=texts)
def test_tokens_come_back_in_their_order(texts):
    if not any(texts):
        return
    encoder = TokenEncoder().fit(texts)
    assert encoder.inverse_transform(encoder.transform(texts)) == [
        text.lower().split() for text in texts
    ]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ngram_range": (1, 2)},
        {"min_df": 2},
        {"max_features": 3},
        {"lowercase": False},
        {"token_pattern": r"(?u)\b\w\w+\b"},
        {"tokenizer": str.split, "token_pattern": None},
        {"analyzer": "char", "ngram_range": (2, 3)},
        {"analyzer": "char_wb", "ngram_range": (3, 3)},
        {"analyzer": str.split},
        {"stop_words": ["the"], "strip_accents": "unicode"},
    ],
)
def test_analysis_is_that_of_scikit_learn(params):
    texts = ["Win a prize a prize", "win the prîze", "win the day"]
    any_word = {} if "analyzer" in params else {"token_pattern": r"(?u)\b\w+\b"}
    counts = CountVectorizer(**any_word | params).fit(texts)
    encoder = TokenEncoder(**params).fit(texts)
    assert list(encoder.vocabulary_) == list(counts.get_feature_names_out())
    known = [
        [
            token
            for token in counts.build_analyzer()(text)
            if token in counts.vocabulary_
        ]
        for text in texts
    ]
    decoded = encoder.inverse_transform(encoder.transform(texts))
    assert [[t for t in row if t != "<unknown>"] for row in decoded] == known


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, tuple])
def test_texts_come_in_any_sequence(kind):
    encoder = TokenEncoder().fit(TEXTS)
    assert_array_equal(encoder.transform(kind(TEXTS)), encoder.transform(TEXTS))


def same(encoder):
    return encoder


def pickled(encoder):
    return pickle.loads(pickle.dumps(encoder))


@pytest.mark.parametrize("kept", [same, pickled, copy.copy, copy.deepcopy])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ngram_range": (2, 2)},
        {"lowercase": False},
        {"analyzer": "char"},
        {"analyzer": str.split},
        {"tokenizer": str.split, "token_pattern": None},
        {"preprocessor": str.upper},
        {"stop_words": ["win"]},
        {"strip_accents": "unicode"},
        {"token_pattern": r"(?u)\b\w{4,}\b"},
        {"max_length": 1},
        {"max_features": 1},
    ],
)
def test_parameters_that_are_set_after_fit_wait_for_the_next_fit(params, kept):
    texts = [*TEXTS, "Wîn at Noon"]
    encoder = TokenEncoder().fit(TEXTS)
    expected = encoder.transform(texts)
    encoder = kept(encoder.set_params(**params))
    assert_array_equal(encoder.transform(texts), expected)
    assert_array_equal(kept(encoder).transform(texts), expected)
    again = encoder.fit(texts).transform(texts)
    assert_array_equal(again, TokenEncoder(**params).fit(texts).transform(texts))


@pytest.mark.parametrize(
    ("params", "texts"), [({"token_pattern": "("}, TEXTS), ({"min_df": 9}, TEXTS[:1])]
)
def test_a_fit_that_fails_leaves_the_encoder_as_it_was(params, texts):
    encoder = TokenEncoder().fit(TEXTS)
    expected = encoder.transform(TEXTS)
    with pytest.raises((re.error, ValueError)):
        encoder.set_params(**params).fit(texts)
    assert_array_equal(encoder.transform(TEXTS), expected)


def test_stop_words_that_are_appended_after_fit_wait_for_the_next_fit():
    words = ["see"]
    encoder = TokenEncoder(stop_words=words).fit(TEXTS)
    expected = encoder.transform(TEXTS)
    words.append("prize")
    assert_array_equal(encoder.transform(TEXTS), expected)
    assert not np.array_equal(encoder.fit_transform(TEXTS), expected)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one string", "string object received"),
        ([], "got nothing"),
        ([1.0, 2.0], "one str for each sample, got 1.0"),
        ([["a", "b"]], "one str for each sample"),
        ([None], "one str for each sample, got None"),
        ([""], "empty vocabulary"),
    ],
)
def test_anything_but_texts_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        TokenEncoder().fit(texts)


# ---- the network


@pytest.mark.parametrize("kernel_sizes", [(1,), (2, 3), (7,)])
def test_padding_never_changes_a_prediction(kernel_sizes):
    net = TextConvNet(vocab_size=30, kernel_sizes=kernel_sizes).eval()
    ids = torch.randint(1, 30, (6, 5))
    ids[0, 2:] = 0
    ids[1] = 0
    for extra in (1, 3, 20):
        padded = torch.nn.functional.pad(ids, (0, extra))
        torch.testing.assert_close(net(padded), net(ids))


def test_padding_never_changes_training():
    ids = torch.randint(1, 30, (6, 5))
    nets = [TextConvNet(30, dropout=0.0, word_dropout=0.0) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    outputs = [nets[0](ids), nets[1](torch.nn.functional.pad(ids, (0, 9)))]
    assert torch.equal(*outputs)
    for output in outputs:
        output.sum().backward()
    gradients = [net.embedding.weight.grad for net in nets]
    assert torch.equal(*gradients)
    assert not gradients[0][0].any()


def test_ids_beyond_the_vocabulary_count_as_unknown():
    net = TextConvNet(vocab_size=5).eval()
    assert torch.equal(net(torch.tensor([[2, 99]])), net(torch.tensor([[2, 1]])))


def test_pretrained_vectors_are_used_and_may_be_frozen():
    vectors = np.random.default_rng(0).normal(size=(9, 4))
    given = vectors.copy()
    net = TextConvNet(vocab_size=9, pretrained=vectors, freeze=True)
    torch.testing.assert_close(
        net.embedding.weight[1:], torch.tensor(given[1:], dtype=torch.float32)
    )
    assert not net.embedding.weight.requires_grad
    assert_array_equal(vectors, given)
    assert TextConvNet(9, pretrained=vectors).embedding.weight.requires_grad


def test_too_few_pretrained_vectors_are_refused():
    with pytest.raises(ValueError, match=r"vocab_size=9 ids, got shape \(8, 4\)"):
        TextConvNet(vocab_size=9, pretrained=np.zeros((8, 4)))


@pytest.fixture(scope="module")
def messages():
    rng = np.random.default_rng(0)
    y = (rng.random(240) < 0.25).astype(int)
    filler = ["see", "you", "at", "noon", "then", "bring", "the", "book"]
    X = [" ".join(rng.choice(filler, size=rng.integers(2, 9))) for _ in y]
    X = [text + label * " free prize" for text, label in zip(X, y, strict=True)]
    return np.array(X, dtype=object), np.where(y == 1, "spam", "ham")


def make_net(**params):
    settings = {"max_epochs": 12, "random_state": 0, **params}
    return BinaryNetClassifier(TextConvNet, **settings)


def test_a_pipeline_learns_raw_strings(messages):
    X, y = messages
    model = make_pipeline(TokenEncoder(), make_net()).fit(X[:160], y[:160])
    probability = model.predict_proba(X[160:])[:, 1]
    assert average_precision_score(y[160:] == "spam", probability) > 0.9
    assert model[-1].module_.embedding.num_embeddings == len(model[0].vocabulary_) + 2


def test_a_search_over_both_steps_works(messages, tmp_path):
    search = GridSearchCV(
        make_pipeline(TokenEncoder(), make_net(memory=str(tmp_path))),
        {
            "tokenencoder__ngram_range": [(1, 1), (1, 2)],
            "binarynetclassifier__threshold": [0.3, 0.5],
        },
        cv=3,
        scoring="balanced_accuracy",
    ).fit(*messages)
    assert search.best_score_ > 0.8


@pytest.mark.parametrize("sampler", [RandomOverSampler, RandomUnderSampler])
def test_random_samplers_work_between(messages, sampler):
    model = make_imbalanced_pipeline(
        TokenEncoder(), sampler(random_state=0), make_net(max_epochs=15)
    ).fit(*messages)
    assert model.score(*messages) > 0.8


def test_numbers_other_than_ids_are_refused():
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    with pytest.raises(ValueError, match="Put a TokenEncoder before the net"):
        make_net().fit(X, y)
    with pytest.raises(ValueError, match="Put a TokenEncoder before the net"):
        make_net().fit(-np.ones((20, 3), dtype=int), y)


def test_a_table_is_refused_and_its_column_is_named():
    X = pd.DataFrame({"text": ["one", "two"], "more": ["three", "four"]})
    with pytest.raises(ValueError, match=re.escape("Pass one column of it: X['text']")):
        TokenEncoder().fit(X)
    assert TokenEncoder().fit(X["text"]).vocabulary_.keys() == {"one", "two"}


@pytest.mark.parametrize("container", [list, np.array, pd.Series])
def test_texts_without_an_encoder_are_refused_with_the_fix(container):
    net = BinaryNetClassifier(TextConvNet)
    with pytest.raises(ValueError, match="put a TokenEncoder before the net"):
        net.fit(container(["hello", "world"]), [0, 1])


@pytest.mark.parametrize(
    "params",
    [
        {"module": TextConvNet},
        {"module": TextConvNet, "module__vocab_size": 9},
        {"module": TextConvNet(vocab_size=9)},
    ],
    ids=["class", "class with a size", "instance"],
)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float32])
def test_ids_below_zero_are_refused_in_training_and_prediction(params, dtype):
    X, y = np.arange(40).reshape(20, 2) % 9, [0, 1] * 10
    net = BinaryNetClassifier(max_epochs=1, **params).fit(X, y)
    before = net.predict_proba(X)
    below = (X - 1).astype(dtype)
    for call in (net.predict, lambda X: net.partial_fit(X, y)):
        with pytest.raises(ValueError, match="integers from 0 up, but X holds -1"):
            call(below)
    assert_array_equal(net.predict_proba(X), before)
    with pytest.raises(ValueError, match="integers from 0 up, but X holds"):
        net.fit(below, y)


def test_a_users_own_network_may_give_ids_below_zero_a_meaning():
    class AnyToken(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = torch.nn.EmbeddingBag(10, 1)

        def forward(self, X):
            return self.weights(X + 1)

    X, y = np.arange(40).reshape(20, 2) % 9 - 1, [0, 1] * 10
    net = BinaryNetClassifier(AnyToken, max_epochs=1).fit(X, y)
    assert net.predict(X).shape == (20,)


@pytest.mark.parametrize("shape", [(4, 2, 3), (4, 1, 2, 2)])
def test_ids_are_one_row_for_each_text(shape):
    with pytest.raises(
        ValueError, match=re.escape(f"(n_samples, length), got {shape}")
    ):
        BinaryNetClassifier(TextConvNet).fit(np.ones(shape, dtype=int), [0, 1, 0, 1])

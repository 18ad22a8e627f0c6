"""Raw strings go into `BinaryNetClassifier` as they are, alone or in a table."""

import time
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline as sklearn_pipeline
from torch import nn

from skbin import (
    BinaryNetClassifier,
    CrossFitClassifier,
    DenseNet,
    FocalLoss,
    TextConvNet,
    TextNet,
    TokenEncoder,
    export_onnx,
    load,
    load_onnx,
    save,
)
from skbin.data import ngrams
from skbin.data.texts import learn_model, learn_reader

GOOD = "lunch at noon|see you at the station|the game was good|call me later"
SPAM = "win a prize now|claim your free prize|free entry to win|you have won cash"


def messages(n, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(int)
    said = np.where(rng.random(n) < noise, 1 - y, y)
    phrases = [GOOD.split("|"), SPAM.split("|")]
    texts = [
        f"{rng.choice(phrases[kind])} {rng.choice(['ok', 'thanks', 'bye'])} "
        f"{rng.integers(1000)}"
        for kind in said
    ]
    return texts, y


TEXTS, y = messages(300)
NEW, y_new = messages(100, seed=1)


def a_net(**parameters):
    return BinaryNetClassifier(random_state=0, **{"max_epochs": 3, **parameters})


FORMS = {
    "list": list,
    "tuple": tuple,
    "array of objects": lambda texts: np.array(texts, dtype=object),
    "array of strings": np.array,
    "Series": pd.Series,
    "Series of strings": lambda texts: pd.Series(texts, dtype="string"),
    "Index": pd.Index,
    "polars": pl.Series,
    "frame": lambda texts: pd.DataFrame({"message": texts}),
    "polars frame": lambda texts: pl.DataFrame({"message": texts}),
    "column": lambda texts: np.array(texts, dtype=object)[:, np.newaxis],
    "column of strings": lambda texts: np.array(texts)[:, np.newaxis],
}


@pytest.fixture(scope="module")
def expected():
    return a_net().fit(TEXTS, y).predict_proba(NEW)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_texts_come_in_any_form(form, expected):
    net = a_net().fit(form(TEXTS), y)
    assert isinstance(net.module_, TextNet)
    assert net.predict_proba(form(NEW)).tolist() == expected.tolist()
    assert average_precision_score(y_new, expected[:, 1]) > 0.95


def test_an_index_of_other_numbers_keeps_rows_beside_their_labels(expected):
    texts = pd.Series(TEXTS, index=np.arange(300)[::-1] * 7)
    labels = pd.Series(y, index=texts.index)
    assert a_net().fit(texts, labels).predict_proba(NEW).tolist() == expected.tolist()


def test_searches_and_cross_validation_take_texts():
    search = GridSearchCV(a_net(), {"threshold": [0.2, 0.5]}, cv=2, scoring="f1")
    assert search.fit(TEXTS, y).best_score_ > 0.9
    assert cross_val_score(a_net(), pd.Series(TEXTS), y, cv=2).min() > 0.9


@pytest.mark.parametrize("form", ["frame", "column"])
def test_a_sampler_may_stand_before_it(form):
    texts = FORMS[form](TEXTS)
    pipeline = make_pipeline(RandomOverSampler(random_state=0), a_net()).fit(texts, y)
    assert pipeline.score(FORMS[form](NEW), y_new) > 0.9


def test_token_encoder_and_text_conv_net_work_as_before():
    net = BinaryNetClassifier(TextConvNet, max_epochs=20, random_state=0)
    pipeline = sklearn_pipeline(TokenEncoder(), net).fit(TEXTS, y)
    assert pipeline.score(NEW, y_new) > 0.9


def test_texts_of_weight_zero_are_as_if_they_were_not_there():
    weight = np.r_[np.zeros(100), np.ones(200)]
    weighted = a_net().fit(TEXTS, y, sample_weight=weight)
    without = a_net().fit(TEXTS[100:], y[100:])
    assert weighted._data.table.text.words == without._data.table.text.words
    for net in (weighted, without):
        assert net.score(NEW, y_new) > 0.9
    logits = [net._data.table.text.logits(NEW) for net in (weighted, without)]
    np.testing.assert_allclose(*logits, atol=1e-3)


def test_weights_move_the_linear_model():
    weight = np.where(y == 1, 5.0, 1.0)
    plain, weighted = (
        a_net().fit(TEXTS, y, sample_weight=some)._data.table.text.logits(["hello"])[0]
        for some in (None, weight)
    )
    assert weighted > plain + 0.2


def test_training_sees_logits_of_models_without_the_row():
    # Noise: a model that has seen the row would know its label.
    rng = np.random.default_rng(0)
    texts = [f"{rng.integers(10**6)} {rng.integers(10**6)} word" for _ in range(200)]
    texts = [text + " " + text[:3] for text in texts]
    labels = rng.integers(0, 2, 200)
    seen = {}

    class Looks(TextNet):
        def forward(self, X):
            if self.training:
                seen["logits"] = X[:, 0].numpy().copy()
            return super().forward(X)

    net = BinaryNetClassifier(
        Looks,
        max_epochs=1,
        batch_size=-1,
        random_state=0,
        iterator_train__shuffle=False,
    ).fit(texts, labels)
    order = np.argsort(seen["logits"])
    assert len(order) == 200
    in_sample = net._data.table.text.logits(texts)
    assert average_precision_score(labels, in_sample) > 0.9
    held_out = np.sort(seen["logits"])
    assert np.abs(held_out).mean() < np.abs(in_sample).mean()


def learn_reader_and_model(texts, labels):
    reader = learn_reader(texts, with_words=True)
    return learn_model(reader, texts, np.asarray(labels, dtype=np.float32), None)


def test_copies_of_a_text_do_not_tell_on_each_other():
    rng = np.random.default_rng(0)
    texts = [f"unique{i} text{i}" for i in range(300)] * 4
    labels = np.tile(rng.integers(0, 2, 300), 4)
    reader, held_out = learn_reader_and_model(texts, labels)
    known = average_precision_score(labels, reader.logits(texts))
    assert known == 1
    assert average_precision_score(labels, held_out) < 0.65


ODD = {
    "empty": "",
    "blank": "   \n\t",
    "unknown": "zyzzyva quux",
    "emoji": "🎉🎉 🏆",
    "chinese": "你赢了一个大奖",
    "arabic": "لقد ربحت جائزة",
    "null character": "win\x00a prize",
    "combining": "é" * 50,
    "missing": None,
    "nan": float("nan"),
    "half a pair of surrogates": "\ud800 win",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_any_string_gets_a_probability(expected, text):
    net = a_net().fit(TEXTS, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = net.predict_proba(["win a prize", text])
        alone = net.predict_proba([text])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(alone, found[1:], atol=1e-6)
    trained = a_net().fit([*TEXTS, text], [*y, 0])
    assert np.isfinite(trained.predict_proba(NEW)).all()


def test_a_text_of_a_million_characters_makes_nobody_wait():
    huge = "win a prize now " * 62_500
    start = time.perf_counter()
    net = a_net().fit([*TEXTS, huge], [*y, 1])
    plain = a_net().fit(TEXTS, y)
    assert net._data.shape[1] < 2_000
    start = time.perf_counter()
    net.predict_proba([huge])
    assert time.perf_counter() - start < 1
    assert plain.predict([huge]) == [1]


REFUSED = {
    "number among texts": (
        ["a text", 3.5],
        r"X\[1\] is '3.5' of <class 'float'>. Texts are strings",
    ),
    "bytes": (["a text", b"bytes"], r"X\[1\] is .* of <class 'bytes'>"),
}


@pytest.mark.parametrize(("X", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_text_is_refused_by_row(X, message):
    with pytest.raises(ValueError, match=message):
        a_net().fit(X, [0, 1])


def test_texts_are_refused_where_fit_saw_numbers_and_the_other_way():
    net = a_net().fit(np.random.default_rng(0).normal(size=(50, 2)), [0, 1] * 25)
    with pytest.raises(ValueError, match=r"X holds texts.*fit saw samples of shape"):
        net.predict(NEW)
    texts = a_net().fit(TEXTS, y)
    with pytest.raises(ValueError, match="held texts in fit, and holds numbers now"):
        texts.predict(np.zeros((3, 1)))


@pytest.mark.parametrize(
    ("weight", "message"), [(-1.0, "Negative values"), (0.0, "at least one non-zero")]
)
def test_weights_that_leave_no_texts_are_refused_as_everywhere(weight, message):
    with pytest.raises(ValueError, match=message):
        a_net().fit(TEXTS, y, sample_weight=np.full(len(y), weight))


def test_a_network_for_something_else_is_refused():
    with pytest.raises(ValueError, match="X holds texts, which DenseNet does not take"):
        a_net(module=DenseNet).fit(TEXTS, y)
    with pytest.raises(ValueError, match="TextNet takes texts"):
        a_net(module=TextNet).fit(np.zeros((20, 2), dtype=int), [0, 1] * 10)


def test_the_focal_loss_needs_the_convolutions_alone():
    with pytest.raises(ValueError, match="module__linear_share=0"):
        a_net(criterion=FocalLoss).fit(TEXTS, y)
    net = a_net(criterion=FocalLoss, module__linear_share=0, max_epochs=15)
    net.fit(TEXTS, y)
    assert net.score(NEW, y_new) > 0.8


@pytest.mark.parametrize("pos_weight", ["balanced", 20.0])
def test_prior_undoes_a_weight_in_both_parts(pos_weight):
    texts, labels = messages(600, noise=0.2)
    new, _ = messages(400, seed=2, noise=0.2)
    plain = a_net().fit(texts, labels).predict_proba(new)[:, 1].mean()
    net = a_net(pos_weight=pos_weight).fit(texts, labels)
    shifted = net.predict_proba(new)[:, 1].mean()
    undone = net.set_params(prior="train").predict_proba(new)[:, 1].mean()
    assert shifted > 1.2 * plain
    assert undone == pytest.approx(plain, rel=0.25)


def test_early_stopping_and_cross_fit_take_texts():
    texts, labels = messages(400, noise=0.1)
    net = BinaryNetClassifier(early_stopping=True, random_state=0).fit(texts, labels)
    assert net.score(NEW, y_new) > 0.9
    model = CrossFitClassifier(cv=3, cutoff="f1", random_state=0).fit(texts, labels)
    assert average_precision_score(labels, model.out_of_fold_) > 0.7
    assert model.score(NEW, y_new) > 0.9


def test_warm_start_and_partial_fit_go_on():
    net = a_net(warm_start=True).fit(TEXTS, y)
    words = net._data.table.text.words
    net.fit(TEXTS, y)
    assert len(net.history) == 6
    net.partial_fit(NEW, y_new)
    assert net._data.table.text.words == words
    assert net.score(NEW, y_new) > 0.9


def test_the_same_seed_gives_the_same_network_and_memory_finds_it(tmp_path):
    nets = [a_net(memory=str(tmp_path)).fit(TEXTS, y) for _ in range(2)]
    assert nets[0].predict_proba(NEW).tolist() == nets[1].predict_proba(NEW).tolist()
    other = clone(nets[0]).fit([*TEXTS[1:], "another text"], y)
    assert other.predict_proba(NEW).tolist() != nets[0].predict_proba(NEW).tolist()


def test_a_saved_net_reads_texts(tmp_path, expected):
    net = a_net().fit(TEXTS, y)
    save(net, tmp_path / "net.safetensors")
    loaded = load(tmp_path / "net.safetensors")
    assert loaded.predict_proba(NEW).tolist() == expected.tolist()


def a_cross_fit(**params):
    return CrossFitClassifier(a_net(**params), cv=2, random_state=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("make", [a_net, a_cross_fit])
def test_texts_are_read_before_the_graph_of_onnx_and_without_torch(tmp_path, make):
    pytest.importorskip("onnxruntime")
    net = make().fit(TEXTS, y)
    export_onnx(net, tmp_path / "net.onnx")
    classifier = load_onnx(tmp_path / "net.onnx")
    new = [*NEW, "", None, "no word of it", "\U0001f600 été", "\ud800", "prize " * 9999]
    objects = pd.DataFrame({"any": new}, dtype=object)
    for form in (new, pd.Series(new, dtype=object), objects):
        np.testing.assert_allclose(
            classifier.predict_proba(form), net.predict_proba(new), rtol=0, atol=1e-5
        )
    assert classifier.predict(new).tolist() == net.predict(new).tolist()
    with pytest.raises(ValueError, match="X is one value, 'a prize'"):
        classifier.predict("a prize")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("make", [a_net, a_cross_fit])
def test_a_column_of_texts_goes_into_a_file_beside_others(tmp_path, make):
    pytest.importorskip("onnxruntime")
    frame = pd.DataFrame({"note": TEXTS, "price": np.arange(300) % 7})
    net = make(text_features=["note"]).fit(frame, y)
    export_onnx(net, tmp_path / "net.onnx")
    new = pd.DataFrame({"note": [*NEW[:9], None], "price": [None, *range(9)]})
    np.testing.assert_allclose(
        load_onnx(tmp_path / "net.onnx").predict_proba(new.to_dict("records")),
        net.predict_proba(new),
        rtol=0,
        atol=1e-5,
    )


def test_rows_that_were_trained_on_are_recognised():
    net = a_net().fit(TEXTS, y)
    with pytest.warns(UserWarning, match="was trained on"):
        net._warn_if_trained_on(TEXTS, y == 1)
    net._warn_if_trained_on(NEW, y_new == 1)  # warnings are errors


def test_epochs_and_rate_suit_the_number_of_texts():
    assert TextNet.training_for((100_000, 30)) == (0.005, 3)
    assert TextNet.training_for((100, 30)) == (0.005, 10)
    net = BinaryNetClassifier(random_state=0).fit(TEXTS, y)
    assert len(net.history) == 10
    assert len(BinaryNetClassifier(max_epochs=2).fit(TEXTS, y).history) == 2


# ---- texts among the columns of a table


def offers(n, seed=0):
    rng = np.random.default_rng(seed)
    texts, by_text = messages(n, seed, noise=0.05)
    price = rng.normal(size=n)
    risk = 2.0 * by_text + (price > 0.5)
    X = pd.DataFrame(
        {
            "price": price,
            "note": texts,
            "country": rng.choice(["DE", "FR", None], n),
        }
    )
    return X, (risk + rng.normal(scale=0.5, size=n) > 2.2).astype(int)


def test_a_column_of_texts_is_read_beside_numbers_and_categories():
    X, labels = offers(1200)
    X_new, labels_new = offers(600, seed=1)
    net = BinaryNetClassifier(max_epochs=15, random_state=0).fit(X, labels)
    kinds = {column.name: column.kind for column in net._data.table.columns}
    assert kinds == {"price": "number", "note": "text", "country": "category"}

    def quality(columns):
        some = clone(net).set_params(text_features="auto").fit(X[columns], labels)
        score = some.predict_proba(X_new[columns])[:, 1]
        return average_precision_score(labels_new, score)

    whole = average_precision_score(labels_new, net.predict_proba(X_new)[:, 1])
    assert whole > quality(["price", "country"]) + 0.1
    assert whole > quality(["note"]) + 0.02


def test_columns_of_texts_may_be_named_or_left_as_categories():
    X, labels = offers(200)
    short = X.assign(code=np.random.default_rng(0).choice(["a b", "c d"], 200))
    with pytest.warns(UserWarning, match=r"pass text_features=\['note'\]"):
        net = a_net(text_features=["code"]).fit(short, labels)
    kinds = {column.name: column.kind for column in net._data.table.columns}
    assert (kinds["code"], kinds["note"]) == ("text", "category")
    left = a_net(text_features=None, categorical_features=["note"]).fit(X, labels)
    assert {column.kind for column in left._data.table.columns} == {
        "number",
        "category",
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nothing"], r"there is no column \['nothing'\]; X has"),
        (["price"], r"\['price'\] hold no strings"),
    ],
)
def test_names_of_no_texts_are_refused(names, message):
    X, labels = offers(60)
    with pytest.raises(ValueError, match=message):
        a_net(text_features=names).fit(X, labels)
    with pytest.raises(ValueError, match="holds only numbers"):
        a_net(text_features=names).fit(X[["price"]], labels)


def test_a_missing_text_in_a_table_is_a_missing_value():
    X, labels = offers(300)
    X.loc[::7, "note"] = None
    net = a_net().fit(X, labels)
    assert np.isfinite(net.predict_proba(X)).all()
    nothing = X.assign(note=None)
    assert np.isfinite(net.predict_proba(nothing)).all()


def test_a_table_with_texts_is_saved(tmp_path):
    X, labels = offers(200)
    net = a_net().fit(X, labels)
    save(net, tmp_path / "net.safetensors")
    loaded = load(tmp_path / "net.safetensors")
    assert loaded.predict_proba(X).tolist() == net.predict_proba(X).tolist()


def test_a_linear_model_is_matched_on_texts():
    texts, labels = messages(800, noise=0.1)
    linear = sklearn_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)),
        LogisticRegression(C=10),
    )
    net = BinaryNetClassifier(random_state=0)
    losses = {
        name: log_loss(
            labels,
            cross_val_predict(model, texts, labels, cv=3, method="predict_proba"),
        )
        for name, model in (("ours", net), ("linear", linear))
    }
    assert losses["ours"] < losses["linear"]


def test_a_module_of_your_own_may_read_the_words():
    class Bag(nn.Module):
        takes_texts = True

        def __init__(self, vocab_size):
            super().__init__()
            self.weights = nn.Embedding(vocab_size, 1)

        def forward(self, X):
            words = X[:, 1:].long()
            return self.weights(words).squeeze(2).sum(dim=1)

    net = a_net(module=Bag, lr=0.05, max_epochs=10).fit(TEXTS, y)
    assert net.score(NEW, y_new) > 0.8
    assert isinstance(net.module_.weights.weight, torch.Tensor)


def test_a_weight_that_is_set_later_reaches_the_linear_model():
    net = a_net(warm_start=True).fit(TEXTS, y)
    assert float(net.module_.shift) == pytest.approx(0, abs=1e-6)
    net.set_params(pos_weight=20.0).fit(TEXTS, y)
    assert float(net.module_.shift) == pytest.approx(np.log(20))


def test_texts_that_are_missing_wherever_rows_count_say_nothing():
    X, labels = offers(200)
    X.loc[100:, "note"] = None
    weight = np.r_[np.zeros(100), np.ones(100)]
    net = a_net(text_features=["note"]).fit(X, labels, sample_weight=weight)
    assert np.isfinite(net.predict_proba(X)).all()


def test_one_long_text_does_not_widen_all_others():
    tracemalloc.start()
    texts = [*TEXTS * 10, "win a prize " * 20_000]
    learn_reader_and_model(texts, [*np.tile(y, 10), 1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


def test_a_file_that_asks_for_huge_texts_is_refused_before_memory_is_filled(tmp_path):
    net = a_net().fit(TEXTS, y)
    (column,) = net._data.table.columns
    huge = replace(column, reader=replace(column.reader, n_words=2**30))
    net._data = replace(net._data, table=replace(net._data.table, columns=(huge,)))
    save(net, tmp_path / "net.safetensors")
    tracemalloc.start()
    with pytest.raises(ValueError, match="a table that becomes samples"):
        load(tmp_path / "net.safetensors")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("a prize", "X is one value, 'a prize', but must be a list"),
        (b"a prize", "X is one value, b'a prize', but must be a list"),
        ([b"a prize"], r"X holds bytes, the first are b'a prize'.*decode"),
        ([], r"fit saw texts, but X is \[\]"),
        ([1, 2], r"fit saw texts, but X is \[1, 2\]"),
        (np.zeros((2, 3)), r"fit saw texts, but X is ndarray of \(2, 3\)"),
        ([["a", "b"]], r"fit saw texts, but X is \[\['a', 'b'\]\]"),
        (None, "fit saw texts, but X is None"),
    ],
    ids=["string", "bytes", "list of bytes", "empty", "ids", "array", "rows", "none"],
)
def test_what_is_no_list_of_texts_is_refused_with_what_is_wanted(bad, message):
    net = a_net(max_epochs=1).fit(TEXTS[:40], y[:40])
    with pytest.raises(ValueError, match=message):
        net.predict(bad)


def test_a_series_of_categories_is_neither_texts_nor_a_table():
    with pytest.raises(ValueError, match=r"X\.to_frame\(\) if .* X\.astype\(str\) if"):
        a_net().fit(pd.Series(TEXTS, dtype="category"), y)


def test_a_cross_fit_reads_each_text_once(monkeypatch):
    read = []
    hashed = ngrams._hashed
    monkeypatch.setattr(
        ngrams, "_hashed", lambda texts: read.extend(texts) or hashed(texts)
    )
    CrossFitClassifier(BinaryNetClassifier(max_epochs=1), random_state=0).fit(TEXTS, y)
    assert len(read) == len(set(read)) == len(set(TEXTS))


def test_texts_that_were_read_before_have_the_same_ngrams():
    texts = ["win a prize", "see you", "win a prize", ""]
    alone = ngrams.ngrams_of(texts)
    with ngrams.each_text_read_once():
        ngrams.ngrams_of(["see you", "another", ""])
        kept = ngrams.ngrams_of(texts)
    for one, other in zip(alone, kept, strict=True):
        assert (one != other).nnz == 0


def test_one_text_at_a_time_is_learned_from():
    net = a_net(max_epochs=1)
    for text, label in zip(TEXTS[:6], y[:6], strict=True):
        net.partial_fit([text], [label], classes=[0, 1])
    assert len(net.history) == 6
    assert np.isfinite(net.predict_proba(NEW)).all()


def test_a_cross_fit_takes_an_index_of_texts():
    model = CrossFitClassifier(a_net(max_epochs=1), cv=2, random_state=0)
    assert model.fit(pd.Index(TEXTS), y).score(NEW, y_new) > 0.5


@pytest.mark.parametrize("texts", [TEXTS, pd.Series(TEXTS, name="text")], ids=type)
@pytest.mark.parametrize("library", [pd, pl])
def test_a_column_of_any_name_may_follow_texts_without_one(texts, library, expected):
    net = a_net().fit(texts, y)
    column = library.DataFrame({"any": NEW})
    assert net.predict_proba(column).tolist() == expected.tolist()
    net.fit(library.DataFrame({"message": TEXTS}), y)
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict_proba(column)

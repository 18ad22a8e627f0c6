"""
Which output layer, which loss, where do the weights go?
========================================================

Softmax, log-softmax or sigmoid? ``CrossEntropyLoss``, ``NLLLoss``, ``BCELoss`` or
``BCEWithLogitsLoss``? Every combination that is recommended in forums is trained here,
from the same weights on the same batches. Most of them turn out to be the same network;
two are not, without any warning.
"""

# %%
# The data and the network
# ------------------------
# Three positives in a hundred. Errors on them count 30 times, so that both classes have
# the same weight.
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F

X, y = make_classification(
    8_000, 20, n_informative=6, weights=[0.97], flip_y=0.01, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(
    *(torch.tensor(part) for part in (X.astype(np.float32), y)),
    stratify=y,
    random_state=0,
)
w0, w1 = 1.0, float((y_train == 0).sum() / (y_train == 1).sum())


def network(n_outputs):
    """Make the hidden layers the same for all; one logit is the difference of two."""
    torch.manual_seed(0)
    hidden = [nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    two = nn.Linear(64, 2)
    if n_outputs == 2:
        return nn.Sequential(*hidden, two)
    one = nn.Linear(64, 1)
    with torch.no_grad():
        one.weight.copy_(two.weight[1:] - two.weight[:1])
        one.bias.copy_(two.bias[1:] - two.bias[:1])
    return nn.Sequential(*hidden, one, nn.Flatten(0))


# %%
# The variants
# ------------
# Each is a number of outputs, a loss of (output, target) and a probability of the
# output.
pair = torch.tensor([w0, w1])
ratio = torch.tensor(w1 / w0)


def weights_of(y):
    return torch.where(y == 1, w1, w0)


def softmax_of(z):
    return F.softmax(z, dim=1)[:, 1]


def log_softmax(z):
    return F.log_softmax(z, dim=1)


VARIANTS = {
    "(a) two logits, CrossEntropyLoss(weight)": (
        2,
        lambda z, y: F.cross_entropy(z, y, weight=pair),
        softmax_of,
    ),
    "(b) softmax, CrossEntropyLoss(weight)": (
        2,
        lambda z, y: F.cross_entropy(F.softmax(z, dim=1), y, weight=pair),
        softmax_of,
    ),
    "(c) log-softmax, NLLLoss(weight)": (
        2,
        lambda z, y: F.nll_loss(log_softmax(z), y, weight=pair),
        softmax_of,
    ),
    "(c) log-softmax, CrossEntropyLoss(weight)": (
        2,
        lambda z, y: F.cross_entropy(log_softmax(z), y, weight=pair),
        softmax_of,
    ),
    "(d) sigmoid, BCELoss, no weight": (
        1,
        lambda z, y: F.binary_cross_entropy(z.sigmoid(), y.float()),
        torch.sigmoid,
    ),
    "(e) one logit, BCEWithLogitsLoss(pos_weight)": (
        1,
        lambda z, y: F.binary_cross_entropy_with_logits(z, y.float(), pos_weight=ratio),
        torch.sigmoid,
    ),
    "(f) one logit, each row times its class's weight": (
        1,
        lambda z, y: F.binary_cross_entropy_with_logits(
            z, y.float(), weight=weights_of(y)
        ),
        torch.sigmoid,
    ),
}


def trained(n_outputs, loss_of):
    net = network(n_outputs)
    optimizer = torch.optim.Adam(net.parameters())
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        for rows in torch.randperm(len(y_train), generator=generator).split(128):
            optimizer.zero_grad()
            loss_of(net(X_train[rows]), y_train[rows]).backward()
            optimizer.step()
    return net


probabilities = {}
print(f"{'':50}{'AP':>6}{'Brier':>8}{'log loss':>10}{'mean p':>8}")
for name, (n_outputs, loss_of, probability_of) in VARIANTS.items():
    net = trained(n_outputs, loss_of)
    with torch.no_grad():
        p = probability_of(net(X_test)).double().numpy()
    probabilities[name] = p
    print(
        f"{name:50}{average_precision_score(y_test, p):6.3f}"
        f"{brier_score_loss(y_test, p):8.3f}{log_loss(y_test, p):10.3f}{p.mean():8.3f}"
    )
print(f"share of positives: {y_test.double().mean():.3f}")

# %%
# (a), (c), (e) and (f) are the same loss. They differ in the third decimal because
# training takes another path: the loss of a batch with few positives is divided by
# another total, and two rows of weights are updated differently from one. (b) can never
# be confident, because its second softmax gets numbers between 0 and 1. (d) has no
# weight: its ranking is as good, and its probabilities match the data. That is the
# other half of the answer: **a weight shifts probabilities**, and ``prior="train"``
# shifts them back.

# %%
# What a wrong answer teaches
# ---------------------------
# The gradient of the loss of a negative, against its logit. The further to the right,
# the larger the error. The double softmax learns least where the error is largest; a
# sigmoid with ``BCELoss`` in float32 stops at 17, where the sigmoid becomes exactly 1.
logits = torch.linspace(-10, 25, 701, requires_grad=True)
two = torch.stack([torch.zeros_like(logits), logits], dim=1)
negative = torch.zeros(len(logits))
LOSSES = {
    "one logit, BCEWithLogitsLoss": F.binary_cross_entropy_with_logits(
        logits, negative, reduction="sum"
    ),
    "sigmoid, BCELoss": F.binary_cross_entropy(
        logits.sigmoid(), negative, reduction="sum"
    ),
    "softmax, CrossEntropyLoss": F.cross_entropy(
        F.softmax(two, dim=1), negative.long(), reduction="sum"
    ),
}
figure, ax = plt.subplots(layout="constrained", figsize=(7, 4))
styles = [("#0072B2", "-", 4), ("#E69F00", "--", 2), ("#CC79A7", "-.", 2)]
for (name, loss), (color, dashes, width) in zip(LOSSES.items(), styles, strict=True):
    (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
    ax.plot(logits.detach(), gradient, dashes, color=color, linewidth=width, label=name)
ax.set_xlabel("logit that the network gives to a negative")
ax.set_ylabel("gradient of the loss")
ax.legend()
plt.show()

# %%
# The same in skbin
# -----------------
# One logit is the default, ``pos_weight`` is one number or "balanced", and a module
# that ends in a softmax or sigmoid is refused. Networks with two outputs work
# unchanged; :func:`skbin.fold_softmax_head` returns one with one logit and the same
# probabilities.
from skbin import BinaryNetClassifier, fold_softmax_head  # noqa: E402  where its story begins

old = trained(2, VARIANTS["(a) two logits, CrossEntropyLoss(weight)"][1])
folded = fold_softmax_head(old)
with torch.no_grad():
    difference = (softmax_of(old(X_test)) - folded(X_test).sigmoid()[:, 0]).abs().max()
print(f"largest difference of a probability after folding: {difference:.1e}")

net = BinaryNetClassifier(pos_weight="balanced", prior="train", max_epochs=30)
p = net.fit(X_train.numpy(), y_train.numpy()).predict_proba(X_test.numpy())[:, 1]
print(
    f"BinaryNetClassifier: AP {average_precision_score(y_test, p):.3f}, "
    f"Brier {brier_score_loss(y_test, p):.3f}, mean p {p.mean():.3f}"
)

"""Data that need not fit into memory: mapped files, chunks, what a kill leaves."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from torch import nn

from skbin import BinaryNetClassifier, DenseNet, TableConvNet

# Anonymous memory alone is limited: what a mapped file takes is the system's to drop.
WITHIN_LIMITED_MEMORY = """
import resource
import sys
import numpy as np
from skbin import BinaryNetClassifier, DenseNet

X = np.load(sys.argv[1], mmap_mode="r")
y = (X[:, 0] > 1).astype(int)
net = BinaryNetClassifier(
    DenseNet,
    module__n_bins=0,
    module__n_members=1,
    max_epochs=1,
    batch_size=2048,
    random_state=0,
)
net.fit(X[:5000], y[:5000]).predict_proba(X[:5000])  # what every fit needs
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
limit = used * 1024 + X.nbytes // 4
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
if sys.argv[2] == "copy":
    X = np.array(X)
net.fit(X, y)
print(net.predict_proba(X).shape)
"""


@pytest.fixture(scope="module")
def mapped_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("mapped") / "X.npy"
    X = np.lib.format.open_memmap(file, "w+", np.float32, (250_000, 400))  # 400 MB
    rng = np.random.default_rng(0)
    for start in range(0, len(X), 10_000):
        X[start : start + 10_000] = rng.standard_normal((10_000, 400), dtype=np.float32)
    X.flush()
    del X
    yield str(file)
    file.unlink()


def run_within_limited_memory(file, how):
    return subprocess.run(
        [sys.executable, "-c", WITHIN_LIMITED_MEMORY, file, how],
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by Linux's means")
def test_a_mapped_file_is_learnt_with_a_quarter_of_its_size_in_memory(mapped_file):
    run = run_within_limited_memory(mapped_file, "mapped")
    assert run.stdout == "(250000, 2)\n", run.stderr
    # The limit is one: a copy of the file does not fit below it.
    assert run_within_limited_memory(mapped_file, "copy").returncode != 0


def test_a_mapped_file_gives_the_same_network_as_an_array(rare, tmp_path):
    X, y = rare[0].astype(np.float32), rare[1]
    np.save(tmp_path / "X.npy", X)
    nets = [
        BinaryNetClassifier(max_epochs=2, random_state=0).fit(data, y)
        for data in (X, np.load(tmp_path / "X.npy", mmap_mode="r"))
    ]
    assert_array_equal(*(net.predict_proba(X) for net in nets))


A_DATASET_WITHIN_LIMITED_MEMORY = """
import resource
import sys
import torch
from skbin import BinaryNetClassifier, DenseNet

class Drawn(torch.utils.data.Dataset):
    def __len__(self):
        return 10_000

    def __getitem__(self, i):
        generator = torch.Generator().manual_seed(i)
        return torch.rand(20_000, generator=generator), float(i % 10 == 0)

def samples():
    return Drawn() if sys.argv[1] == "batches" else list(Drawn())

net = BinaryNetClassifier(
    DenseNet,
    module__n_features=20_000,
    module__n_bins=0,
    module__hidden_units=(4,),
    module__n_members=1,
    max_epochs=1,
    batch_size=64,
    random_state=0,
)
net.fit(torch.utils.data.Subset(Drawn(), range(600)))  # what every fit needs
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
limit = used * 1024 + 4 * 10_000 * 20_000 // 4
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
data = samples()
print(net.fit(data).predict_proba(data).shape)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by Linux's means")
def test_a_dataset_is_learnt_with_a_quarter_of_its_size_in_memory():
    def run(how):
        return subprocess.run(
            [sys.executable, "-c", A_DATASET_WITHIN_LIMITED_MEMORY, how],
            capture_output=True,
            text=True,
        )

    in_batches = run("batches")
    assert in_batches.stdout == "(10000, 2)\n", in_batches.stderr
    assert run("at once").returncode != 0


class WorksInPlace(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.linear = nn.Linear(n_features, 1)

    def forward(self, X):
        return self.linear(X.mul_(2))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("writeable", [True, False])
def test_a_network_that_works_in_place_changes_batches_and_not_the_data(
    rare, shuffle, writeable
):
    X, y = rare[0].astype(np.float32), rare[1]
    given = X.copy()
    given.flags.writeable = writeable
    BinaryNetClassifier(
        WorksInPlace, max_epochs=2, iterator_train__shuffle=shuffle, random_state=0
    ).fit(given, y).predict_proba(given)
    assert_array_equal(given, X)


@pytest.mark.parametrize("module", [TableConvNet, DenseNet])
def test_chunks_are_learnt_one_after_the_other(rare, module):
    X, y = rare
    net = BinaryNetClassifier(module, max_epochs=3, random_state=0)
    for _ in range(3):
        for part in np.array_split(np.arange(len(y)), 4):
            net.partial_fit(X[part], y[part], classes=[0, 1])
    assert len(net.history) == 36
    assert net.train_prior_ == pytest.approx(y.mean())
    assert net.score(X, y) > 0.9


PARQUET_AND_ITS_PEAK = """
import itertools
import sys
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from skbin import BinaryNetClassifier, DenseNet

def peak():  # of this process alone; ru_maxrss begins with that of its parent
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line[:5] == "VmHWM")

def tables(n_rows):
    # File by file: to_batches of the dataset itself reads ahead of the training.
    for file in ds.dataset(sys.argv[1]).files:
        for part in pq.ParquetFile(file).iter_batches(n_rows, use_threads=False):
            yield pa.Table.from_batches([part])

def learn(net, table):
    X, y = table.drop_columns("y"), table["y"]
    return len(net.partial_fit(X, y, classes=[0, 1]).predict_proba(X))

net = BinaryNetClassifier(
    DenseNet,
    module__n_bins=0,
    module__hidden_units=(8,),
    max_epochs=1,
    batch_size=2048,
    random_state=0,
)
for table in itertools.islice(tables(4_000), 3):  # what every fit needs
    learn(net, table)
before = peak()
print(sum(learn(net, table) for table in tables(4_000)))
print(1024 * (peak() - before))
learn(net, ds.dataset(sys.argv[1]).to_table())
print(1024 * (peak() - before))
"""


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """Several files with missing values and a column of strings."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("parquet")
    rng = np.random.default_rng(0)
    n_bytes = 0
    for number in range(3):
        X = rng.standard_normal((50_000, 100), dtype=np.float32)
        columns = {
            f"x{place}": pa.array(column, mask=rng.random(len(X)) < 0.1)
            for place, column in enumerate(X.T)
        }
        level = rng.choice(["low", "middle", "high"], len(X))
        table = pa.table({**columns, "level": level, "y": X[:, 0] > 2})
        n_bytes += table.nbytes
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=4_000)
    return str(folder), n_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's peak of memory")
def test_chunks_of_parquet_are_learnt_with_a_quarter_of_the_table_in_memory(parquet):
    folder, n_bytes = parquet
    run = subprocess.run(
        [sys.executable, "-c", PARQUET_AND_ITS_PEAK, folder],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    n_rows, in_chunks, as_a_whole = map(int, run.stdout.split())
    assert n_rows == 150_000
    assert in_chunks < n_bytes / 4
    # The peak is seen: the table as a whole needs more than itself.
    assert as_a_whole > n_bytes

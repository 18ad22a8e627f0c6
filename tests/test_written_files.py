"""Where save and export_onnx write, and where load reads: as open does."""

import os
import re
from functools import partial
from pathlib import Path

import pytest
from torch import nn

from skbin import BinaryNetClassifier, export_onnx, load, save

pytest.importorskip("safetensors")
pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning"
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.skbin"


@pytest.fixture(scope="module")
def net(rare):
    return BinaryNetClassifier(nn.Linear(8, 1), max_epochs=1, random_state=0).fit(*rare)


@pytest.fixture(scope="module")
def write(net):
    return partial(save, net)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(write, path, monkeypatch):
    write(path)
    before = path.read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_file_has_the_permissions_that_open_gives(write, path, umask):
    before = os.umask(umask)
    try:
        write(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_file_that_was_there_keeps_its_permissions(write, path):
    path.touch(0o600)
    write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size


@pytest.mark.parametrize("exists", [False, True])
def test_a_link_is_written_through(write, tmp_path, exists):
    (tmp_path / "models").mkdir()
    target = tmp_path / "models" / "net-2024"
    if exists:
        target.write_bytes(b"before")
    (tmp_path / "latest").symlink_to(Path("models", "net-2024"))
    write(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert len(target.read_bytes()) > 100
    assert os.listdir(tmp_path / "models") == ["net-2024"]


def test_export_onnx_writes_where_save_does(net, tmp_path):
    (tmp_path / "latest").symlink_to("net-2024")
    before = os.umask(0o027)
    try:
        export_onnx(net, tmp_path / "latest")
    finally:
        os.umask(before)
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "net-2024").stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["latest", "net-2024"]


def error_of(call, *args):
    try:
        call(*args)
    except OSError as error:
        return error
    raise AssertionError("no error")


def places_that_open_refuses(folder):
    (folder / "file").touch()
    (folder / "dangling").symlink_to(folder / "missing" / "net")
    return [
        folder / "missing" / "net",
        folder / "file" / "net",
        folder,
        folder / "dangling",
        folder / ("n" * 300),
    ]


@pytest.mark.parametrize("which", range(5))
def test_a_place_that_open_refuses_is_refused_as_open_does(net, write, tmp_path, which):
    place = places_that_open_refuses(tmp_path)[which]
    error = error_of(place.open, "wb")
    before = sorted(os.listdir(tmp_path))
    for refused in (write, partial(export_onnx, net)):
        with pytest.raises(type(error), match=re.escape(str(error))):
            refused(place)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_pipe_stays_a_pipe(write, path):
    os.mkfifo(path)
    # Open at both ends, so that whoever writes need not wait for a reader.
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        write(path)
        assert os.read(reader, 10**6)
    finally:
        os.close(reader)
    assert path.is_fifo()


def test_a_place_where_nothing_is_to_read_is_refused_as_open_does(tmp_path):
    for place in (tmp_path / "none", tmp_path):
        error = error_of(place.open, "rb")
        with pytest.raises(type(error), match=re.escape(str(error))):
            load(place)

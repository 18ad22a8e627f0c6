"""What is written is true: README blocks run, docstrings match signatures."""

import inspect
import re
import runpy
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from numpydoc.docscrape import FunctionDoc
from numpydoc.validate import validate

import skbin

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PUBLIC = [found for name in skbin.__all__ if callable(found := getattr(skbin, name))]


def default_of(type_line):
    match = re.search(r"default=(.+)$", type_line)
    return match and match.group(1)


def written(default):
    """How a docstring writes a default."""
    if inspect.isclass(default) or inspect.isroutine(default):
        is_torch = default.__module__.startswith("torch")
        name = default.__qualname__
        return (
            f"torch.{'nn' if 'nn' in default.__module__ else 'optim'}.{name}"
            if is_torch
            else name
        )
    return repr(default).replace("'", '"')


@pytest.mark.parametrize("public", PUBLIC, ids=lambda p: p.__name__)
def test_defaults_in_the_docstring_are_those_of_the_signature(public):
    parsed = {}
    for parameter in FunctionDoc(public)["Parameters"]:
        for name in parameter.name.split(", "):
            parsed[name.lstrip("*")] = default_of(parameter.type)
    signature = inspect.signature(public).parameters
    assert list(parsed) == list(signature) or set(parsed) == set(signature)
    for name, parameter in signature.items():
        if parameter.default is not inspect.Parameter.empty:
            assert parsed[name] == written(parameter.default), name


@pytest.mark.parametrize("public", PUBLIC, ids=lambda p: p.__name__)
def test_docstrings_pass_numpydocs_validation(public):
    # GL08 asks for what a class has without a docstring; ES01 for an extended summary
    # and SA01 for a See Also section where there may be nothing to say; PR02 reads the
    # parameters of a torch module from its __call__.
    accepted = {"ES01", "SA01", "GL08", "EX01"}
    errors = validate(f"skbin.{public.__name__}")["errors"]
    assert [error for error in errors if error[0] not in accepted] == []


def test_every_block_of_python_in_the_readme_runs_and_prints_what_it_says(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    printed = []
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
        printed.append(capsys.readouterr().out)
    assert "nan" not in "".join(printed)
    said = re.search(r"```text\n(.*?)```", README, flags=re.DOTALL)[1]
    assert without_numbers(printed[0]) == without_numbers(said)


def without_numbers(text):
    """The last digits differ between machines."""
    return re.sub(r"\d+(\.\d+)?", "0", text)


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_the_readme_shows_pictures_that_exist():
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    assert all((ROOT / picture).exists() for picture in pictures)


@pytest.mark.filterwarnings("ignore:y_true has:UserWarning")  # few positives
@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/plot_*.py")), ids=lambda path: path.stem
)
def test_every_example_of_the_gallery_runs_and_draws(path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.close("all")
    runpy.run_path(str(path))
    assert plt.get_fignums()
    assert "nan" not in capsys.readouterr().out
    plt.close("all")

"""Coverage-guided fuzzing of the properties in test_hard_to_break.py, by Atheris.

``python tests/fuzz.py PROPERTY -max_total_time=600``, where PROPERTY is ``data``,
``texts`` or ``scores``; the other arguments are libFuzzer's. Needs ``pip install
atheris``. Atheris picks bytes that reach new code of skbin, and Hypothesis turns them
into an example: https://hypothesis.readthedocs.io/en/latest/extras.html
"""

import sys


def main():
    """Fuzz until libFuzzer is told to stop or a property fails."""
    import atheris

    with atheris.instrument_imports(include=["skbin"]):
        import test_hard_to_break as properties
    import torch

    torch.set_num_threads(1)
    name = sys.argv.pop(1)
    (found,) = [p for p in dir(properties) if p.startswith(f"test_any_{name}")]
    atheris.Setup(sys.argv, getattr(properties, found).hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

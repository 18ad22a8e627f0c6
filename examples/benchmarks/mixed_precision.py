"""
What lower precision costs in average precision
============================================

bfloat16 has three digits instead of seven. Accelerate uses it where that is enough
(matrix products and convolutions). TF32, which only GPUs have, rounds the inputs of
products in a similar way. This script trains the same networks in full and in lower
precision, and prints the average precision on test rows, mean over five seeds with the
range of the paired differences, and the time of all fits.

Run it with ``python examples/benchmarks/mixed_precision.py``, which takes some minutes
on a CPU; with ``--gpu`` it uses a GPU, and also tries TF32. It needs Accelerate
(``pip install "skbin[machines]"``). Each setting runs in a separate process, because
Accelerate and torch keep it for the whole process.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np
import torch
from accelerate import Accelerator
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

from skbin import AcceleratedBinaryNetClassifier, ConvNet, DenseNet

SEEDS = range(5)
SETTINGS = {"float32": ("no", "highest"), "bf16": ("bf16", "highest")}
TF32 = {"TF32": ("no", "high")}


def data_sets():
    X, benign = load_breast_cancer(return_X_y=True)
    yield "breast cancer", DenseNet, X, 1 - benign
    X, digit = load_digits(return_X_y=True)
    yield "digit 8, columns", DenseNet, X, (digit == 8).astype(int)
    yield "digit 8, signals", ConvNet, X.reshape(-1, 8, 8), (digit == 8).astype(int)
    X, y = make_classification(
        4000, 30, n_informative=10, weights=[0.95], class_sep=0.7, random_state=0
    )
    yield "5 % positives", DenseNet, X, y


def measure(mixed_precision, matmul_precision, cpu):
    torch.set_float32_matmul_precision(matmul_precision)
    torch.backends.cudnn.allow_tf32 = matmul_precision == "high"
    accelerator = Accelerator(cpu=cpu, mixed_precision=mixed_precision)
    start = time.perf_counter()
    scores = {}
    for name, module, X, y in data_sets():
        scores[name] = []
        for seed in SEEDS:
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=0.5, stratify=y, random_state=seed
            )
            net = AcceleratedBinaryNetClassifier(
                module, accelerator=accelerator, max_epochs=20, random_state=seed
            ).fit(X_train, y_train)
            probability = net.predict_proba(X_test)[:, 1]
            scores[name].append(average_precision_score(y_test, probability))
    return {"seconds": time.perf_counter() - start, "scores": scores}


def measured(setting, cpu):
    run = subprocess.run(
        [sys.executable, __file__, *setting, *(["--gpu"] if not cpu else [])],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[2])
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("setting", nargs="*", help="used by the script itself")
    options = parser.parse_args()
    cpu = not options.gpu
    if options.setting:
        print(json.dumps(measure(*options.setting, cpu)))
        return
    settings = SETTINGS if cpu else SETTINGS | TF32
    found = {name: measured(setting, cpu) for name, setting in settings.items()}
    print(f"{'average precision':<20}" + "".join(f"{name:>30}" for name in settings))
    full = found["float32"]["scores"]
    for data_set in full:
        cells = []
        for name in settings:
            scores = np.array(found[name]["scores"][data_set])
            change = scores - full[data_set]
            cells.append(
                f"{scores.mean():.4f}"
                + (
                    f" ({change.min():+.4f} to {change.max():+.4f})"
                    if name != "float32"
                    else ""
                )
            )
        print(f"{data_set:<20}" + "".join(f"{cell:>30}" for cell in cells))
    seconds = "".join(f"{found[name]['seconds']:30.1f}" for name in settings)
    print(f"{'seconds, all fits':<20}{seconds}")


if __name__ == "__main__":
    main()

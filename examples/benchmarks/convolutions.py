"""
Formulations of a bank of convolutions
======================================

ConvNet's bank slides filters of several widths over the input and keeps the strongest
response of each: ``relu(conv1d(X)).amax(time)``. The same numbers can be computed in
other ways, which this script times against the plain one:

- ``max first``: the maximum before ReLU, which is monotone,
- ``one conv``: all widths as one convolution of the widest, kernels padded with zeros,
- ``unfold``: windows as rows of one matrix product for each width,
- ``2d``: a convolution of two axes in the memory format ``channels_last``,
- ``ConvNet``: what ConvNet does: one product where a width covers the input, else 2d.

Run it with ``python examples/benchmarks/convolutions.py``, which takes a minute or two;
``--device cuda`` uses a GPU. The script asserts that all results agree within float
tolerance. It prints the time of the plain formulation for a batch of 128, forward and
backward, and the speed of each other one relative to it: the median of paired ratios. A
dash means that one convolution would have to be as wide as the input.
"""

import argparse
import time
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from skbin.networks.filters import strongest

N_ROWS, N_FILTERS, N_REPETITIONS = 128, 32, 25
SHAPES = [  # channels, length, widths
    (1, 64, (3, 5)),
    (1, 64, (3, 5, 64)),
    (1, 500, (3, 5)),
    (1, 500, (9, 17, 33)),
    (8, 30, (3, 5, 30)),
    (12, 29, (3, 5, 29)),
    (12, 200, (3, 5, 9)),
    (12, 200, (17, 33)),
    (64, 100, (1, 2, 3)),
    (64, 300, (3, 4, 5)),
]


def plain(convolutions, X):
    return torch.cat([F.relu(c(X)).amax(dim=2) for c in convolutions], dim=1)


def max_first(convolutions, X):
    return F.relu(torch.cat([c(X).amax(dim=2) for c in convolutions], dim=1))


def one_conv(convolutions, X):
    widest = max(c.kernel_size[0] for c in convolutions)
    weight = torch.cat(
        [F.pad(c.weight, (0, widest - c.kernel_size[0])) for c in convolutions]
    )
    bias = torch.cat([c.bias for c in convolutions])
    length = X.shape[2]
    responses = F.conv1d(F.pad(X, (0, widest - 1)), weight, bias)
    parts = responses.split([c.out_channels for c in convolutions], dim=1)
    return F.relu(
        torch.cat(
            [
                part[:, :, : length - c.kernel_size[0] + 1].amax(dim=2)
                for part, c in zip(parts, convolutions, strict=True)
            ],
            dim=1,
        )
    )


def unfold(convolutions, X):
    pooled = []
    for c in convolutions:
        windows = X.unfold(2, c.kernel_size[0], 1).transpose(1, 2).flatten(2)
        pooled.append(F.linear(windows, c.weight.flatten(1), c.bias).amax(dim=1))
    return F.relu(torch.cat(pooled, dim=1))


def channels_last(convolutions, X):
    X = X.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    pooled = []
    for c in convolutions:
        weight = c.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        pooled.append(F.conv2d(X, weight, c.bias).amax(dim=(2, 3)))
    return F.relu(torch.cat(pooled, dim=1))


def conv_net(convolutions, X):
    return torch.cat([strongest(c, X) for c in convolutions], dim=1)


FORMULATIONS = {
    "max first": max_first,
    "one conv": one_conv,
    "unfold": unfold,
    "2d": channels_last,
    "ConvNet": conv_net,
}


def seconds_of_a_step(formulation, convolutions, X, synchronize):
    synchronize()
    start = time.perf_counter()
    formulation(convolutions, X).sum().backward()
    synchronize()
    return time.perf_counter() - start


def compare(n_channels, length, widths, device):
    torch.manual_seed(0)
    convolutions = nn.ModuleList(
        nn.Conv1d(n_channels, N_FILTERS, width) for width in widths
    ).to(device)
    X = torch.randn(N_ROWS, n_channels, length, device=device, requires_grad=True)
    chosen = {
        name: function
        for name, function in FORMULATIONS.items()
        if name != "one conv" or max(widths) < length
    }
    expected = plain(convolutions, X)
    for function in chosen.values():
        torch.testing.assert_close(
            function(convolutions, X), expected, atol=1e-4, rtol=1e-4
        )
    synchronize = torch.cuda.synchronize if device != "cpu" else lambda: None
    time_one = partial(
        seconds_of_a_step, convolutions=convolutions, X=X, synchronize=synchronize
    )
    functions = [plain, *chosen.values()]
    times = np.array(
        [[time_one(f) for f in functions] for _ in range(N_REPETITIONS + 3)]
    )[3:]
    ratios = np.median(times[:, :1] / times[:, 1:], axis=0)
    by_name = dict(zip(chosen, ratios, strict=True))
    cells = [
        f"{by_name[name]:10.2f}" if name in by_name else f"{'-':>10}"
        for name in FORMULATIONS
    ]
    shape = f"({N_ROWS}, {n_channels}, {length}), widths {', '.join(map(str, widths))}"
    print(f"{shape:<38}{1e3 * np.median(times[:, 0]):10.2f}{''.join(cells)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[2])
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    names = "".join(f"{name:>10}" for name in FORMULATIONS)
    print(f"{'shape of X':<38}{'plain, ms':>10}{names}")
    for shape in SHAPES:
        compare(*shape, device)


if __name__ == "__main__":
    main()

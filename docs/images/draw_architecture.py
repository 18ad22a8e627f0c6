"""Draw ``architecture.png`` from the source: packages, what they are, what they import.

It fails if an import points upwards.
"""

import ast
import textwrap
from itertools import chain
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

SOURCE = Path(__file__).parents[2] / "skbin"
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
# name: left, right, floor (0 is the lowest), color
PLACES = {
    "processes": (0.0, 4.4, 4, BLUE),
    "export": (5.0, 14.6, 4, BLUE),
    "classifier": (0.0, 9.1, 3, ORANGE),
    "memory": (0.0, 2.7, 2, BLUE),
    "training": (3.1, 5.9, 2, GREEN),
    "networks": (6.3, 9.1, 2, GREEN),
    "cutoffs": (9.6, 12.4, 2, BLUE),
    "data": (3.1, 10.4, 1, ORANGE),
    "nesting": (10.8, 14.6, 1, BLUE),
    "machine": (0.0, 10.4, 0, BLUE),
}
FLOOR, HEIGHT = 2.4, 1.7


def files_of(name):
    return sorted((SOURCE / name).glob("*.py")) or [SOURCE / f"{name}.py"]


def sentence_of(name):
    first = next((f for f in files_of(name) if f.stem == "__init__"), files_of(name)[0])
    docstring = ast.get_docstring(ast.parse(first.read_text()))
    return docstring.splitlines()[0].rstrip(".").replace("`", "")


def imports_of(name):
    """Name the packages that a package imports, but itself."""
    nodes = chain.from_iterable(
        ast.walk(ast.parse(f.read_text())) for f in files_of(name)
    )
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    parts = [module.split(".") for module in modules]
    found = {part[1] for part in parts if part[0] == "skbin" and len(part) > 1}
    return found - {name}


def reachable(name, imports):
    direct = imports[name]
    return direct.union(*(reachable(other, imports) for other in direct))


def draw_box(ax, name):
    left, right, floor, color = PLACES[name]
    bottom = FLOOR * floor
    box = FancyBboxPatch(
        (left, bottom),
        right - left,
        HEIGHT,
        boxstyle="round,pad=0.06",
        facecolor=color + "22",
        edgecolor=color,
        linewidth=1.5,
    )
    ax.add_patch(box)
    middle = (left + right) / 2
    title = f"{name}/" if (SOURCE / name).is_dir() else f"{name}.py"
    ax.text(
        middle,
        bottom + HEIGHT - 0.22,
        title,
        ha="center",
        va="center",
        weight="bold",
        family="monospace",
    )
    ax.text(
        middle,
        bottom + HEIGHT / 2 - 0.2,
        textwrap.fill(sentence_of(name), int((right - left) * 8)),
        ha="center",
        va="center",
        fontsize=9,
    )


def draw_arrow(ax, source, target):
    left, right, floor, _ = PLACES[source]
    target_left, target_right, target_floor, _ = PLACES[target]
    assert floor > target_floor, f"{source} must not import {target}"
    x = (max(left, target_left) + min(right, target_right)) / 2
    start = x, FLOOR * floor - 0.08
    end = x, FLOOR * target_floor + HEIGHT + 0.08
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=16, color="#555", shrinkA=0
        )
    )


def main():
    imports = {name: imports_of(name) for name in PLACES}
    figure, ax = plt.subplots(figsize=(11, 8.2))
    ax.set(xlim=(-0.3, 14.9), ylim=(-1.3, FLOOR * 4 + HEIGHT + 0.2))
    ax.axis("off")
    for name, direct in imports.items():
        draw_box(ax, name)
        implied = set().union(*(reachable(other, imports) for other in direct))
        for other in sorted(direct):
            assert PLACES[name][2] > PLACES[other][2], f"{name} imports {other}"
            if other not in implied:
                draw_arrow(ax, name, other)
    ax.text(
        0,
        -0.45,
        "An arrow means: imports. Those that follow from others are left out.\n"
        "Orange: where what people have becomes tensors. Green: tensors only, one "
        "logit for each row.",
        va="top",
        fontsize=9,
    )
    figure.savefig(
        Path(__file__).with_name("architecture.png"), dpi=110, bbox_inches="tight"
    )


if __name__ == "__main__":
    main()

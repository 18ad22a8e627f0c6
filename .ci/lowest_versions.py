"""Print constraints that hold each dependency at the lowest version we support.

Those of the extras, too. What pyproject.toml does not name stays as constraints.txt has
it.
"""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

root = Path(__file__).parents[1]
project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"].values()
lowest = {}
for dependency in [*project["dependencies"], *chain(*extras)]:
    if dependency.startswith(project["name"]):  # one of our own extras
        continue
    name, version = re.fullmatch(r"([\w-]+)(?:\[.*\])?>=(.+)", dependency).groups()
    lowest[name.lower()] = version
pins = dict(
    line.split("==")
    for line in (root / "constraints.txt").read_text().splitlines()
    if "==" in line
)
for name, pin in pins.items():
    sys.stdout.write(f"{name}=={lowest.get(name.lower(), pin)}\n")

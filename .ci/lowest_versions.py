"""Print constraints that hold each dependency at the lowest version we support.

What pyproject.toml does not name stays as constraints.txt has it.
"""

import sys
import tomllib
from pathlib import Path

root = Path(__file__).parents[1]
project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
lowest = dict(dependency.split(">=") for dependency in project["dependencies"])
for name, version in lowest.items():
    sys.stdout.write(f"{name}=={version}\n")
for pin in (root / "constraints.txt").read_text().splitlines():
    if pin.partition("==")[0] not in lowest:
        sys.stdout.write(f"{pin}\n")

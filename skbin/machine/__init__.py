"""The machine: devices, random numbers, packages that may be missing."""

"""Which device to compute on."""

from typing import Any

import torch


def resolve_device(device: Any) -> Any:
    """Turn "auto" into the best device of this machine.

    Parameters
    ----------
    device : str, torch.device or None
        Any of torch's, or "auto".

    Returns
    -------
    device : str, torch.device or None
        For "auto" the first of cuda, mps and cpu that is there; else `device`.

    Examples
    --------
    >>> resolve_device("cpu")
    'cpu'
    """
    if not isinstance(device, str) or device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def require_device(device: Any) -> None:
    """Refuse a device that this machine does not have.

    Parameters
    ----------
    device : str, torch.device or None
        A device, resolved.

    Raises
    ------
    ValueError
        If torch does not know it or cannot find it.

    Examples
    --------
    >>> require_device("cpu")
    """
    if device is None:
        return
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device must be 'auto' or one that torch knows, got {device!r}."
        ) from error
    if _is_present(wanted):
        return
    raise ValueError(
        f"device={device!r} was asked for, but torch finds no such device here "
        f"({torch.cuda.device_count()} CUDA devices). Use device='cpu', or "
        "device='auto' for the best that is there."
    )


def _is_present(device: torch.device) -> bool:
    if device.type == "cuda":
        return (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return True

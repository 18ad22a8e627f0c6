"""Which device to compute on, and what fits into its memory."""

import traceback
from typing import Any

import torch

# Fraction of a GPU's free memory; the rest is for network, gradients and a batch.
_MOST_OF_FREE_MEMORY = 0.5
_ALWAYS_FITS = 2**26  # bytes, too few to be worth asking the driver


def resolve_device(device: Any) -> Any:
    """Turn "auto" into the first of cuda, mps and cpu that is there.

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
            f"device must be 'auto' or a device of torch, got {device!r}."
        ) from error
    if _is_present(wanted):
        return
    raise ValueError(
        f"device={device!r} was requested, but torch finds no such device here "
        f"({torch.cuda.device_count()} CUDA devices). Use device='cpu', or "
        "device='auto' for the best one available."
    )


def _is_present(device: torch.device) -> bool:
    if device.type == "cuda":
        return (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return True


def has_room_for(n_bytes: int, device: Any) -> bool:
    """Whether the device has memory for the rows in addition to training.

    Examples
    --------
    >>> has_room_for(10**15, "cpu")
    True
    """
    if device is None or torch.device(device).type != "cuda" or n_bytes < _ALWAYS_FITS:
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= _MOST_OF_FREE_MEMORY * free


def give_memory_back(error: torch.OutOfMemoryError) -> None:
    """Release the tensors in an error's frames, and add a note on what helps.

    Code that catches the error can train with other parameters immediately.

    Examples
    --------
    >>> try:
    ...     raise torch.OutOfMemoryError("no room")
    ... except torch.OutOfMemoryError as error:
    ...     give_memory_back(error)
    ...     print(error.__notes__[0])
    The device is out of memory. Lower batch_size, or iterator_valid__batch_size for \
predictions, or use device='cpu'.
    """
    traceback.clear_frames(error.__traceback__)
    torch.cuda.empty_cache()
    error.add_note(
        "The device is out of memory. Lower batch_size, or iterator_valid__batch_size "
        "for predictions, or use device='cpu'."
    )

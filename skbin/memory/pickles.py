"""How a trained state is pickled: fast, and with the very classes it was given."""

import io
import pickle
from types import FunctionType
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

# The user's own classes and functions are named in the pickle by their place among
# those that the fingerprint met. So a worker can pickle what a notebook has defined,
# and what is unpickled belongs to the very classes that the estimator was given.


class Pickler(pickle.Pickler):
    """Writes a network: user's code by its place in `code`, tensors as arrays."""

    def __init__(self, file: io.BytesIO, code: list[Any]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._places = {id(part): place for place, part in enumerate(code)}

    def persistent_id(self, obj: Any) -> int | None:
        """Return the place of the user's code; see `pickle`."""
        if isinstance(obj, type | FunctionType):
            return self._places.get(id(obj))
        return None

    def reducer_override(self, obj: Any) -> Any:
        """Write tensors as arrays; see `pickle`."""
        # As arrays, the tensors of a small network load several times faster.
        if type(obj) not in (torch.Tensor, nn.Parameter) or not _is_plain(obj):
            return NotImplemented
        is_parameter = isinstance(obj, nn.Parameter)
        return _tensor, (obj.detach().numpy(), is_parameter, obj.requires_grad)


def _is_plain(tensor: torch.Tensor) -> bool:
    return (
        tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        and tensor.dtype in (torch.float32, torch.float64, torch.int64)
        and tensor.is_contiguous()
        and tensor.is_leaf
        and not vars(tensor)
    )


def _tensor(
    array: NDArray[Any], is_parameter: bool, requires_grad: bool
) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    if is_parameter:
        return nn.Parameter(tensor, requires_grad=requires_grad)
    return tensor.requires_grad_(requires_grad)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, code: list[Any]) -> None:
        super().__init__(file)
        self._code = code

    def persistent_load(self, place: int) -> Any:
        return self._code[place]


def pickled(state: Any, code: list[Any]) -> bytes:
    """Write a state, in which the user's own code is known by its place in `code`."""
    file = io.BytesIO()
    Pickler(file, code).dump(state)
    return file.getvalue()


def unpickled(written: bytes, code: list[Any]) -> Any:
    """Read what `pickled` has written."""
    return _Unpickler(io.BytesIO(written), code).load()

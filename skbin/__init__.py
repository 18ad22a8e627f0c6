"""Neural networks for a rare positive class, as scikit-learn classifiers."""

import lazy_loader

# The public names are in __init__.pyi. Each is imported when it is asked for, so that
# load_onnx works where torch is not installed.
__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.2.0"


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

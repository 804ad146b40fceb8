"""Every error a user can be given, each a subclass of the builtin a person would expect. What an op
refuses is a RuntimeError besides, which is what PyTorch raises for almost everything.

A message says, in this order: the call, the law in words, each operand with shape and dtype, the
offending number, a hint.
"""

__all__ = [
    "ArgumentError",
    "ChainruleError",
    "DTypeError",
    "DataNotFoundError",
    "DeviceError",
    "DomainError",
    "FetchError",
    "FormatError",
    "GradError",
    "LinAlgError",
    "RangeError",
    "ShapeError",
    "StateDictError",
    "TraceError",
    "WorkerError",
]


class ChainruleError(Exception):
    """Base of all errors that chainrule raises on purpose."""


class ShapeError(ChainruleError, RuntimeError, ValueError):
    """Shapes, dimensions or sizes that an op's law refuses.

    >>> import chainrule as cr
    >>> cr.matmul(cr.ones(2, 3), cr.ones(5, 7))
    Traceback (most recent call last):
        ...
    chainrule.base.errors.ShapeError: matmul(a, b): the last axis of a must equal the ...
      a  (m=2, k=3)  float32
      b  (k=5, n=7)  float32      k is 3 in a but 5 in b
    """


class DomainError(ChainruleError, ValueError):
    """A number outside of where something is defined: a parameter of a distribution, or a value asked of it."""


class ArgumentError(ChainruleError, RuntimeError, ValueError):
    """An argument with a value that it cannot have: what it may be, and what was found."""


class RangeError(ChainruleError, RuntimeError, IndexError):
    """An index or a dimension outside of what there is."""


class DTypeError(ChainruleError, RuntimeError, TypeError):
    """A dtype, or a type of argument, that an op does not take."""


class DeviceError(ChainruleError, RuntimeError):
    """A device that this machine or this version does not have."""


class GradError(ChainruleError, RuntimeError):
    """A derivative that cannot be taken: a freed graph, an overwritten value, no path, an
    in-place write on a leaf.
    """


class LinAlgError(ChainruleError, RuntimeError):
    """A matrix that has no such inverse or factors: singular, not positive definite, or one whose
    iteration does not converge.
    """


class TraceError(ChainruleError, RuntimeError):
    """Something a traced program cannot contain, with the line that asked for it and what to do
    instead.
    """


class FormatError(ChainruleError, ValueError):
    """A file or record that is not what its format says: path, offset or key, what was found,
    what was expected. What was found may be of any length: of a long message the middle is left
    out.

    >>> len(str(FormatError("a" * 5000)))
    1003
    """

    def __init__(self, message: str):
        cut = len(message) > 1003
        super().__init__(f"{message[:800]} … {message[-200:]}" if cut else message)


class DataNotFoundError(ChainruleError, FileNotFoundError):
    """A data set that is not on this machine: where it was looked for, and how to fetch it."""


class FetchError(ChainruleError, OSError):
    """A file that could not be fetched: what each of its mirrors answered."""


class StateDictError(ChainruleError, RuntimeError):
    """A state dict that does not fit: every missing, unexpected and mismatched key is named."""


class WorkerError(ChainruleError, RuntimeError):
    """A worker process of a data loader that failed, died, or did not answer in time."""

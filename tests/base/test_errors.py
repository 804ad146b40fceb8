"""Errors are subclasses of the builtin a person would expect, so that `except ValueError` works."""

import pytest

import chainrule as cr
from chainrule.base import errors


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ArgumentError", ValueError),
        ("ArgumentError", RuntimeError),
        ("ShapeError", ValueError),
        ("ShapeError", RuntimeError),
        ("DTypeError", RuntimeError),
        ("RangeError", RuntimeError),
        ("RangeError", IndexError),
        ("DTypeError", TypeError),
        ("DeviceError", RuntimeError),
        ("GradError", RuntimeError),
        ("TraceError", RuntimeError),
        ("FormatError", ValueError),
        ("StateDictError", RuntimeError),
    ],
)
def test_each_error_is_a_builtin_and_public(name, builtin):
    found = getattr(errors, name)
    assert issubclass(found, builtin) and issubclass(found, errors.ChainruleError)
    assert getattr(cr, name) is found and name in cr.__all__


def test_the_list_of_errors_is_complete():
    defined = {
        n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, Exception)
    }
    assert defined == set(errors.__all__)

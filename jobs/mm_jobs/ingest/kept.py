"""What Jobs keep in the bucket for later ones, read: of the shape that it was written in, or as if it were not there.

The objects are the Jobs' own, but a bucket has other writers too, and an object that a Job fails over would fail every
further attempt. Pure.
"""

from typing import Any, TypeVar

_Shape = TypeVar("_Shape")


def of_shape(value: Any, shape: type[_Shape]) -> _Shape | None:
    """Return a parsed value as what its type says (a ``TypedDict``, a list of one, ...); None where it is none.

    Keys that the type does not name are left out. Types are not bent: the text of a number is no number.
    """
    import msgspec  # late, as in ``clean``: a first attempt keeps nothing yet

    try:
        return msgspec.convert(value, shape)
    except (msgspec.ValidationError, RecursionError):
        return None

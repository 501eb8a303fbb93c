"""The four rovers and how their names are spelled on every boundary."""

ROVERS: tuple[str, ...] = ("Perseverance", "Curiosity", "Opportunity", "Spirit")
"""Canonical names, NASA's spelling. Object keys and Kubernetes names use the lower-case form."""

TRAVERSE_ROVERS: tuple[str, ...] = ("Perseverance", "Curiosity")
"""Rovers whose drives NASA publishes as MMGIS layers; the other two have no such route."""

_BY_LOWER = {name.lower(): name for name in ROVERS}


def canonical_rover(name: str) -> str:
    """Return the canonical spelling of a rover's name, whatever its case.

    Raises:
        ValueError: the name is none of the four rovers; the message lists them.
    """
    try:
        return _BY_LOWER[name.strip().lower()]
    except (KeyError, AttributeError):
        raise ValueError(f"unknown rover {name!r}: use one of {', '.join(ROVERS)}") from None

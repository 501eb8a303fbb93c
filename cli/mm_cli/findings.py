"""What a check found: one line for people, and whether all is well for scripts."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that was checked: what, whether it is in order, and else what to do."""

    what: str
    good: bool
    advice: str = ""

    def line(self) -> str:
        """Return the finding as it is printed."""
        return f"{'ok     ' if self.good else 'MISSING'}  {self.what}{'' if self.good else f': {self.advice}'}"

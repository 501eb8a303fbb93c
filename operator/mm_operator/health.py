"""Signs of life. A part that has gone quiet for longer than it may makes the probe fail; the kubelet restarts us."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Health:
    """When each part was last seen at work; ``clock`` gives seconds that never go back."""

    clock: Callable[[], float] = time.monotonic
    _limits: dict[str, float] = field(default_factory=dict)
    _seen: dict[str, float] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)
    _unready: dict[str, str] = field(default_factory=dict)
    ready: bool = False

    def expect(self, part: str, seconds: float) -> None:
        """Expect a sign of life of a part at least every so many seconds, from now on."""
        self._limits[part] = seconds
        self._seen[part] = self.clock()

    def beat(self, part: str) -> None:
        """Note a sign of life. Safe from any thread."""
        self._seen[part] = self.clock()

    def broken(self, part: str, sentence: str | None) -> None:
        """Say that a part is known to be broken, or (None) that it is well again."""
        if sentence is None:
            self._broken.pop(part, None)
        else:
            self._broken[part] = sentence

    def problems(self) -> list[str]:
        """Return a sentence for each part that is not well."""
        now = self.clock()
        quiet = [
            f"{part} has been quiet for {now - self._seen[part]:.0f} s, at most {limit:.0f} s are normal"
            for part, limit in self._limits.items()
            if now - self._seen[part] > limit
        ]
        return quiet + [f"{part}: {sentence}" for part, sentence in self._broken.items()]

    def unready(self, part: str, sentence: str | None) -> None:
        """Say why a part cannot do its work for now, which is no reason to start anew, or (None) that it can."""
        if sentence is None:
            self._unready.pop(part, None)
        else:
            self._unready[part] = sentence

    def waiting_for(self) -> list[str]:
        """Return a sentence for each part that cannot do its work for now; the same one once."""
        return list(dict.fromkeys(self._unready.copy().values()))

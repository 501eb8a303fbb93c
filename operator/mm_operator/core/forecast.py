"""What a plan would cost, before anybody asks for it: batches, requests, time at its sources' budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mm_operator.core.split import POD_SECONDS, UNKNOWN_PHOTOS, Batch, Pace


@dataclass(frozen=True)
class SourceFacts:
    """What of a source decides the cost: photos in a page (None: a sol is one request) and requests an hour."""

    name: str
    page_size: int | None = None
    requests_per_hour: int | None = None

    def requests(self, photos: int) -> int:
        """Return the requests of a sol with so many photos, about: that a page is the last shows by its length."""
        return 1 if self.page_size is None else photos // self.page_size + 1


@dataclass(frozen=True)
class Share:
    """One rover's part of a forecast."""

    rover: str
    source: str
    batches: int
    sols: int
    photos: int
    unknown_sols: int
    """Sols of which nothing is promised, so that their photos are not among the photos."""
    requests: int
    requests_per_hour: int | None


def shares(
    batches: Sequence[Batch], promised: Mapping[tuple[str, int], int], sources: Mapping[str, SourceFacts]
) -> tuple[Share, ...]:
    """Return what each rover's part comes to.

    Args:
        batches: of the plan.
        promised: photos by rover and sol, where they are known.
        sources: by rover.
    """
    found = []
    for rover in dict.fromkeys(batch.rover for batch in batches):
        own = [batch for batch in batches if batch.rover == rover]
        sols = [sol for batch in own for sol in batch.sols]
        known = [promised[rover, sol] for sol in sols if (rover, sol) in promised]
        source = sources[rover]
        requests = sum(source.requests(promised.get((rover, sol), 0)) for sol in sols) if sols else len(own)
        found.append(
            Share(
                rover=rover,
                source=source.name,
                batches=len(own),
                sols=len(sols),
                photos=sum(known),
                unknown_sols=len(sols) - len(known),
                requests=requests,
                requests_per_hour=source.requests_per_hour,
            )
        )
    return tuple(found)


def seconds(parts: Sequence[Share], parallelism: int) -> float:
    """Return how long it takes, about, where nothing else runs and no request of the hour is used up.

    The work is shared by the Jobs that run side by side; where a source allows fewer requests in an hour than the plan
    needs of it, the rest waits for the next hours.
    """
    pace = Pace()
    work = sum(
        part.batches * POD_SECONDS
        + part.requests * pace.request_seconds
        + (part.photos + part.unknown_sols * UNKNOWN_PHOTOS) * pace.photo_seconds
        for part in parts
    )
    together = work / max(1, min(parallelism, sum(part.batches for part in parts) or 1))
    asked: dict[str, tuple[int, int]] = {}
    for part in parts:
        if part.requests_per_hour:
            so_far = asked.get(part.source, (0, 0))[0]
            asked[part.source] = (so_far + part.requests, part.requests_per_hour)
    hours = max(((requests - 1) // limit for requests, limit in asked.values() if requests), default=0)
    return together + 3600.0 * hours

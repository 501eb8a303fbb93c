"""Batches of plans, worked out once: a plan of 20,000 sols costs tens of milliseconds to split."""

from collections import OrderedDict
from typing import Final

from mm_contracts.plan import DroppedSols, PlanSpec

from mm_operator.core.coverage import dropped_by_rover
from mm_operator.core.split import Batch, split

KEPT: Final = 200


class BatchCache:
    """The batches of the plans looked at last. A plan's rovers, sols and limits never change, its drops only once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[Batch, ...]] = OrderedDict()

    def batches(self, uid: str, spec: PlanSpec, dropped: list[DroppedSols]) -> tuple[Batch, ...]:
        """Return a plan's batches without what was dropped. Raises TooManyBatchesError."""
        key = (uid, "|".join(f"{d.rover}:{d.sols}" for d in dropped))
        if key not in self._kept:
            self._kept[key] = split(spec, dropped_by_rover(dropped))
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

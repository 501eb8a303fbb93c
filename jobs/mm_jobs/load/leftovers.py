"""Work that nobody will come back for: what Jobs keep for each other in the bucket, and have not written for long.

Pages of a sol stay behind where their plan was deleted or gave up, answers where a source is not asked any more. What
goes before its time costs its requests once more, and nothing else.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from mm_contracts.keys import COUNTS_PREFIX, WORK_PREFIX

from mm_jobs.common.s3 import Listed

WORK_KEPT: Final = timedelta(days=14)
"""Longer than any batch waits for another try."""
AT_ONCE: Final = 2_000
"""Objects that one sweep removes: each is a request, and the next sweep goes on."""


def leftovers(listed: Iterable[Listed], now: datetime) -> list[str]:
    """Return keys of what is not needed any more, AT_ONCE at most.

    What derived manifests have counted is never old: it would have to be counted again, a request for each sol.

    Args:
        listed: the bucket's objects.
        now: the time, with a zone.
    """
    return [
        one.key
        for one in listed
        if one.key.startswith(WORK_PREFIX)
        and not one.key.startswith(COUNTS_PREFIX)
        and now - one.written_at > WORK_KEPT
    ][:AT_ONCE]

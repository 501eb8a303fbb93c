"""api.marsvista.dev, version 1: the Mars Photos API's routes, always in pages, with their number and the total.

It differs from NASA's in its ids, in the true UTC day as ``earth_date``, in folded camera names for Curiosity and in a
medium ``img_src``; the photo's identity is the file's, so that none of it matters. At most 100 photos a page are given.
"""

from mm_contracts.source_kinds import KINDS

from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.sources.nasa_v1 import NasaV1
from mm_jobs.ingest.spec import SourceSettings


class MarsVistaV1(NasaV1):
    """One source of kind ``marsvista-v1``."""

    def __init__(self, settings: SourceSettings, client: SourceClient) -> None:
        super().__init__(settings, client)
        self.page_size = settings.page_size or KINDS["marsvista-v1"].page_size

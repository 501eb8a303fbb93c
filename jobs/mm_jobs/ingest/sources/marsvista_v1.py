"""api.marsvista.dev, version 1: the Mars Photos API's routes, always in pages, with their number and the total.

It differs from NASA's in its ids, in the true UTC day as ``earth_date``, in folded camera names for Curiosity and in a
medium ``img_src``; the photo's identity is the file's, so that none of it matters. At most 100 photos a page are given.
"""

from mm_jobs.ingest.sources.nasa_v1 import NasaV1


class MarsVistaV1(NasaV1):
    """One source of kind ``marsvista-v1``: what differs from ``nasa-v1`` is its page size."""

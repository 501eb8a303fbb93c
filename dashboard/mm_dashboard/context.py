"""What every page is given: the readers, the renderer, and the settings."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, cast

from starlette.requests import Request

from mm_dashboard.actions import Actions
from mm_dashboard.alerts import Watch
from mm_dashboard.bucket import Store
from mm_dashboard.cluster import Cluster
from mm_dashboard.deadletters import Mail
from mm_dashboard.kube import Kube
from mm_dashboard.mirror import Mirror
from mm_dashboard.pictures import Address, Gallery
from mm_dashboard.render import Pages
from mm_dashboard.settings import Settings
from mm_dashboard.snapshots import Reading, Snapshots
from mm_dashboard.visitors import Doorkeeper
from mm_dashboard.warehouse import Row, Warehouse

ADDRESSES_KEPT: Final = 4000


@dataclass(frozen=True, slots=True)
class Context:
    """One process's parts."""

    settings: Settings
    warehouse: Warehouse
    kube: Kube
    cluster: Cluster
    snapshots: Snapshots
    pages: Pages
    gallery: Gallery
    door: Doorkeeper
    actions: Actions
    mail: Mail
    store: Store
    mirror: Mirror
    watch: Watch = field(default_factory=Watch)
    addresses: OrderedDict[str, Address] = field(default_factory=OrderedDict)
    """Where pictures are that a page has just shown: their thumbnails are asked for next."""

    async def read(self, sql: str, *binds: object) -> Reading[list[Row]]:
        """Return a question's rows as they were after the last dbt run."""
        return await self.snapshots.get((sql, binds), lambda: self.warehouse.rows(sql, binds))

    def remember(self, rows: Iterable[Row]) -> None:
        """Keep the addresses of pictures that a page shows (rows with rover_name, sol, image_id, img_src, source)."""
        for row in rows:
            key = f"{row['rover_name'].lower()}/{row['sol']}/{row['image_id']}"
            self.addresses[key] = Address(row["img_src"], row["source"])
            self.addresses.move_to_end(key)
        while len(self.addresses) > ADDRESSES_KEPT:
            self.addresses.popitem(last=False)


def context(request: Request) -> Context:
    """Return the context of a request's application."""
    return cast(Context, request.app.state.context)

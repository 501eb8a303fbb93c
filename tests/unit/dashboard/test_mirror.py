"""Full pictures come from the mirror where they are what was mirrored, else from the source; videos come in parts."""

from __future__ import annotations

import hashlib
import json

from mm_contracts.keys import image_key, image_ledger_key
from mm_dashboard import queries

from .conftest import Site
from .scripted import frame, picture
from .test_pictures import jpeg

NAME = "NRA_486265257EDR_F0481570NCAM00323M_"
FILE = f"{NAME}.JPG"
PAGE = f"/pictures/curiosity/1000/{NAME}"


def _mirrored(site: Site, body: bytes, **changes: object) -> None:
    entry = {
        "image_id": NAME, "content_type": "image/jpeg", "size": len(body), "sha256": hashlib.sha256(body).hexdigest(),
        "size_class": "large", "fetched_at": "2026-01-01T00:00:00Z",
    } | changes  # fmt: skip
    site.store.objects[image_ledger_key("Curiosity", 1000)] = json.dumps({"images": {FILE: entry}}).encode()
    site.store.objects[image_key("Curiosity", 1000, FILE)] = body


def _known(site: Site) -> None:
    site.warehouse.answers |= {
        queries.PHOTO: [picture() | frame()], queries.PHOTOS_OF_SOL: [frame()], queries.ADDRESSES_OF_SOL: [frame()],
    }  # fmt: skip


def test_a_mirrored_picture_needs_no_source(site: Site) -> None:
    _known(site)
    body = jpeg()
    _mirrored(site, body)
    answer = site.client.get(f"/originals/curiosity/1000/{NAME}")
    assert (answer.content, answer.headers["content-type"]) == (body, "image/jpeg")
    assert answer.headers["x-picture-from"] == "mirror"
    page = site.client.get(PAGE).text
    assert hashlib.sha256(body).hexdigest() in page
    assert "size class large" in page


def test_what_is_not_what_was_mirrored_is_not_shown(site: Site) -> None:
    _known(site)
    _mirrored(site, jpeg(), sha256="0" * 64)
    answer = site.client.get(f"/originals/curiosity/1000/{NAME}")
    assert answer.status_code == 404
    assert "not at an origin" in answer.text  # the source was asked for, and is none that may be
    _mirrored(site, b"<script>", content_type="text/html")
    site.client.app.state.context.mirror._ledgers.clear()  # type: ignore[attr-defined]
    assert site.client.get(f"/originals/curiosity/1000/{NAME}").status_code == 404


def test_that_a_source_has_a_picture_no_more_is_on_its_page(site: Site) -> None:
    _known(site)
    assert "not mirrored: the picture comes from its source" in site.client.get(PAGE).text
    _mirrored(site, b"", sha256="", gone_at="2026-01-02T00:00:00Z")
    site.client.app.state.context.mirror._ledgers.clear()  # type: ignore[attr-defined]
    assert "its source no longer had it on 2026-01-02" in site.client.get(PAGE).text
    site.store.objects[image_ledger_key("Curiosity", 1000)] = b"{nonsense"
    site.client.app.state.context.mirror._ledgers.clear()  # type: ignore[attr-defined]
    assert site.client.get(PAGE).status_code == 200


def test_a_video_is_listed_and_played_in_parts(site: Site) -> None:
    assert "No video was made yet" in site.client.get("/videos").text
    name = "curiosity/navcam_sol_7_to_8.mp4"
    site.store.objects[f"videos/{name}"] = bytes(range(256)) * 10
    site.store.objects["videos/curiosity/other.txt"] = b"x"
    page = site.client.get("/videos").text
    assert f'src="/videos/{name}"' in page
    assert "other.txt" not in page
    whole = site.client.get(f"/videos/{name}")
    assert (whole.status_code, len(whole.content), whole.headers["content-type"]) == (200, 2560, "video/mp4")
    part = site.client.get(f"/videos/{name}", headers={"Range": "bytes=2550-"})
    assert (part.status_code, part.headers["content-range"], len(part.content)) == (206, "bytes 2550-2559/2560", 10)
    assert site.client.get(f"/videos/{name}", headers={"Range": "bytes=9999-"}).status_code == 404
    assert site.client.get("/videos/curiosity/other.txt").status_code == 404

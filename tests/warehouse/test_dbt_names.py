"""What file names tell, against what NASA's own answers say of the same pictures."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.warehouse.dbt_runs import Dbt, running
from tests.warehouse.test_dbt_project import SHARED, shared

FEEDS = SHARED / "feeds"

MACROS = {
    "sclk": "name_sclk", "site": "name_site", "drive": "name_drive", "thumbnail": "name_is_thumbnail",
    "downsampling": "name_downsampling", "frame": "name_frame", "sequence": "name_sequence", "product": "name_product",
    "range_map": "name_is_range_map", "version": "name_version", "picture": "name_picture_number",
}  # fmt: skip
PARTS = ", ".join(f"{{{{ {macro}('grammar', 'file_name') }}}} as {name}" for name, macro in MACROS.items())


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        yield opened


def read(dbt: Dbt, rover: str, names: list[str]) -> list[dict[str, Any]]:
    """What the macros read of names, in their order."""
    values = ", ".join(f"({n}, '{rover}', '{name}')" for n, name in enumerate(names))
    template = (
        f"with names as (select column1 as number, column2 as rover_name, column3 as file_name from values {values}),"
        " graded as (select names.*, {{ name_grammar('rover_name', 'file_name') }} as grammar from names),"
        " eyed as (select graded.*, {{ name_eye('grammar', 'file_name') }} as eye from graded)"
        f" select grammar, {{{{ name_pair('grammar', 'file_name', 'eye') }}}} as pair, {PARTS}"
        " from eyed order by number"
    )
    rows = dbt.rows(dbt.compiled(template))
    return [dict(zip(("grammar", "pair", *MACROS), row, strict=True)) for row in rows]


def test_parts_of_names_of_every_grammar(dbt: Dbt) -> None:
    m20, tile = read(
        dbt, "Perseverance",
        ["NRF_0458_0707590354_274ECM_N0260218NCAM13457_04_195J02_1200.jpg",
         "NLG_0888_0745756490_020ECM_N0440000NCAM00518_00_2I3J01.png"],
    )  # fmt: skip
    assert (m20["frame"], m20["pair"]) == ("NR_0458_0707590354_274_NCAM13457", "N_0458_0707590354_NCAM13457")
    assert (m20["sequence"], m20["product"], m20["downsampling"]) == ("NCAM13457", "ECM", 2)
    assert tile["downsampling"] == 4
    merge, range_map, video, short, wrong = read(
        dbt, "Curiosity",
        ["1000MH0044630010103744R00_DXXX.jpg", "1000MH0044630010103744S00_DXXX.jpg",
         "1000MR0044630110103755K0B_DXXX.jpg", "0000MD9999000002I1_DXXX.jpg", "1000MR00446301101.jpg"],
    )  # fmt: skip
    assert merge["frame"] == range_map["frame"] == "1000MH0044630010103744"
    assert (merge["range_map"], range_map["range_map"]) == (False, True)
    assert (video["version"], video["picture"], video["sequence"]) == ("K0B", 103755, "MR004463")
    assert (short["thumbnail"], short["version"], short["picture"]) == (True, "I1", 2)
    assert set(wrong.values()) == {None, False}, "a name of no grammar tells nothing"
    hexadecimal, stronger = read(
        dbt, "Curiosity", ["1000MR0044630110103755E0B_DXXX.jpg", "1000MR0044630110103755E1F_DXXX.jpg"]
    )
    assert [told["version"] for told in (hexadecimal, stronger)] == ["E0B", "E1F"]
    assert hexadecimal["frame"] == stronger["frame"] == "1000MR0044630110103755"
    (mer,) = read(dbt, "Spirit", ["2N215136873EFFAR00P1985L0M1-BR.JPG"])
    assert (mer["site"], mer["drive"], mer["frame"]) == (127, 0, "2N215136873_P1985L0")
    assert mer["pair"] == "2N215136873_P1985"


def test_versions_count_in_hexadecimal_and_the_lossless_picture_is_last(dbt: Dbt) -> None:
    versions = ["E0B", "K0B", "E09", "E1F", "A01", "E0A", "A0B"]
    values = ", ".join(f"('{version}')" for version in versions)
    ranked = "select column1 from values {} order by {{{{ version_rank(\"'msss'\", 'column1') }}}}"
    rows = dbt.rows(dbt.compiled(ranked.format(values)))
    assert [version for (version,) in rows] == ["E09", "E0A", "E0B", "E1F", "A01", "A0B", "K0B"]
    others = (
        "select column1 from values ('J02'), ('J10'), (null), ('J01') order by {{ version_rank(\"'m20'\", 'column1') }}"
    )
    assert [version for (version,) in dbt.rows(dbt.compiled(others))] == [None, "J01", "J02", "J10"]


@shared
def test_curiositys_names_agree_with_its_feed(dbt: Dbt) -> None:
    """Clock, site, drive and size of each item of a page, full and downsampled, left and right."""
    items = json.loads((FEEDS / "msl_raw" / "page_sol86.json").read_text())["items"]
    found = read(dbt, "Curiosity", [item["url"].rpartition("/")[2] for item in items])
    assert len(found) == 16
    for item, told in zip(items, found, strict=True):
        assert told["sclk"] == int(item["spacecraft_clock"])
        assert (told["site"], told["drive"]) == (item["site"], item["drive"])
        assert told["downsampling"] == item["scale_factor"]
        assert told["thumbnail"] == item["is_thumbnail"]
    eyes = [
        {told["pair"] for item, told in zip(items, found, strict=True) if item["instrument"] == f"NAV_{eye}_A"}
        for eye in ("LEFT", "RIGHT")
    ]
    assert [len(pairs) for pairs in eyes] == [12, 4]
    assert eyes[1] < eyes[0], "each picture of the right eye has one of the left"


@shared
def test_perseverances_names_agree_with_its_feed(dbt: Dbt) -> None:
    images = [
        image
        for name in ("page_sol888_13images.json", "page_sol890_29images.json")
        for image in json.loads((FEEDS / "m20_rss" / name).read_text())["images"]
    ]
    found = read(dbt, "Perseverance", [image["image_files"]["large"].rpartition("/")[2] for image in images])
    for image, told in zip(images, found, strict=True):
        assert abs(told["sclk"] - float(image["extended"]["sclk"])) < 3.1, "the feed's clock is up to 3 s later"
        assert (told["site"], told["drive"]) == (image["site"], int(image["drive"]))
        assert told["downsampling"] == int(image["extended"]["scaleFactor"])
        assert told["grammar"] == "m20"
        assert not told["thumbnail"]


@shared
def test_every_name_of_the_captured_v1_answers_is_read(dbt: Dbt) -> None:
    for file, rover in (
        ("photos_opportunity_sol100_2023-05.json", "Opportunity"),
        ("photos_curiosity_sol10_2020-05.json", "Curiosity"),
        ("latest_photos_curiosity_sol2758_2020-05.json", "Curiosity"),
    ):
        (photos,) = json.loads((FEEDS / "v1" / file).read_text()).values()
        names = [photo["img_src"].rpartition("/")[2] for photo in photos]
        found = read(dbt, rover, names)
        assert all(told["grammar"] and told["frame"] and told["sequence"] for told in found), file
        for name, told in zip(names, found, strict=True):
            if told["grammar"] != "msss":
                assert told["site"] == {"Opportunity": 20}.get(rover, 3 if "_sol10_" in file else 79), name

"""Identity and dates of photos, with files and dates that NASA served."""

import pytest
from mm_contracts.photos import earth_date, image_id

M20 = "https://mars.nasa.gov/mars2020-raw-images/pub/ods/surface/sol/00888/ids/edr/browse/ncam/"
NAVCAM = "NLF_0888_0745756834_410ECM_N0440000NCAM00501_01_295J01"


@pytest.mark.parametrize(
    ("url", "identity"),
    [
        *[(f"{M20}{NAVCAM}{size}", NAVCAM) for size in ("_320.jpg", "_800.jpg", "_1200.jpg", ".png")],
        (
            "http://mars.nasa.gov/mer/gallery/all/1/f/100/1F137064531EFF2019P1214L0M1-BR.JPG",
            "1F137064531EFF2019P1214L0M1",
        ),
        ("1F137064531EFF2019P1214L0M1-THM.JPG", "1F137064531EFF2019P1214L0M1"),
        ("http://x/ncam/NLA_405141307EDR_F0050104NCAM00534M_.JPG", "NLA_405141307EDR_F0050104NCAM00534M_"),
        ("https://x/mcam/0000MD9999000002I1_DXXX.jpg?size=800#top", "0000MD9999000002I1_DXXX"),
        ("http://x/", None),
        ("", None),
        ("http://x/_800.jpg", None),
    ],
)
def test_a_pictures_identity_is_its_files_stem_without_the_size(url: str, identity: str | None) -> None:
    assert image_id(url) == identity


@pytest.mark.parametrize(
    ("rover", "sol", "date"),
    [
        ("Curiosity", 0, "2012-08-06"),
        ("Curiosity", 1, "2012-08-07"),
        ("curiosity", 829, "2014-12-05"),
        ("Perseverance", 394, "2022-03-29"),
        ("Opportunity", 100, "2004-05-06"),
    ],
)
def test_dates_follow_the_apis_rule(rover: str, sol: int, date: str) -> None:
    assert earth_date(rover, sol) == date

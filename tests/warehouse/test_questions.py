"""The fifteen questions that people ask, as named queries, answered over the simulator's small archive."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mm_cli
import pytest
from mm_cli import main
from mm_cli.errors import CliError
from mm_cli.values import iso
from mm_hack import demo

from tests.warehouse.bronze import Source, coordinates_batch, failed, manifest_batch, outcome, photo_batch
from tests.warehouse.dbt_runs import Dbt, running
from tests.warehouse.server import READER, READER_PASSWORD

AT = "2025-10-07T12:00:00"
QUESTIONS = {path.stem[3:]: path.read_text() for path in sorted(Path(mm_cli.__file__).parent.glob("questions/*.sql"))}
LATER = "2025-10-07T13:00:00"
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/tutorial.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]


@pytest.fixture(scope="module")
def source() -> Source:
    return Source("tiny")


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory, source: Source) -> Iterator[Dbt]:
    """The tiny archive; then Spirit's sol 2 was answered with nothing usable and sol 3 with a photo too few.

    Of Opportunity's sol 3 came a photo more than its manifest promises.
    """
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        for rover, manifest in source.manifests.items():
            batches = [batch for batch in source.batches(rover, AT) if rover != "Spirit"]
            opened.put(manifest_batch(rover, manifest, AT), *batches)
        photos = source.photos("Spirit", 3)[:-1]
        promised = next(entry for entry in source.manifests["Spirit"]["photos"] if entry["sol"] == 3)
        told = [failed(2, "SourceError", LATER), outcome(3, promised, photos, LATER)]
        opened.put(source.batch("Spirit", [1], AT), photo_batch("Spirit", told, photos, LATER))
        photos = source.photos("Opportunity", 3)
        photos.append(one_more(photos[-1]))
        promised = next(entry for entry in source.manifests["Opportunity"]["photos"] if entry["sol"] == 3)
        opened.put(photo_batch("Opportunity", [outcome(3, promised, photos, LATER)], photos, LATER))
        opened.put(*(coordinates_batch(rover, source.features(rover), AT) for rover in ("Perseverance", "Curiosity")))
        opened("run")
        yield opened


def one_more(photo: dict[str, Any]) -> dict[str, Any]:
    """A photo like this one, of another second."""
    folder, _, name = photo["img_src"].rpartition("/")
    second = (int(name[2:11]) + 7_001) % 1_000_000_000
    return photo | {"id": photo["id"] + 5_000_000, "img_src": f"{folder}/{name[:2]}{second:09d}{name[11:]}"}


def ask(dbt: Dbt, question: str) -> list[tuple[Any, ...]]:
    return dbt.rows(QUESTIONS[question])


def names(source: Source, rover: str) -> Iterator[tuple[int, str]]:
    """Sol and file name of a rover's photos, without what was sent before in an older version."""
    for entry in source.manifests[rover]["photos"]:
        latest: dict[str, str] = {}
        for photo in source.photos(rover, entry["sol"]):
            name = photo["img_src"].rpartition("/")[2]
            product = name[:51] if rover == "Perseverance" else name
            latest[product] = max(name, latest.get(product, ""))
        yield from ((entry["sol"], name) for name in latest.values())


@pytest.fixture
def reader(dbt: Dbt, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dbt.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SNOWFLAKE_USER", READER)
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", READER_PASSWORD)


@pytest.mark.usefixtures("reader")
def test_the_command_runs_them_and_takes_conditions(dbt: Dbt, capsys: pytest.CaptureFixture[str]) -> None:
    for name in QUESTIONS:
        assert main.run(["questions", name, "-o", "json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert len(told) == len(ask(dbt, name))
    rover, sol = ask(dbt, "longest-drives")[5][:2]
    wanted = ["--where", f"rover_name={rover.lower()}", "--where", f"sol>={sol}"]
    assert main.run(["questions", "longest", *wanted, "-o", "json"]) == 0
    narrowed = json.loads(capsys.readouterr().out)
    rows = dbt.rows(
        f"select SOL, LENGTH_M from GOLD.DRIVES where ROVER_NAME = '{rover}' and SOL >= {sol} and LENGTH_M is not null "
        "order by LENGTH_M desc, SOL limit 20"
    )
    assert [(one["sol"], one["length_m"]) for one in narrowed] == rows
    assert narrowed
    assert main.run(["questions", "13", "--limit", "1", "-x"]) == 0
    assert "longitude" in capsys.readouterr().out
    assert main.run(["questions", "newest", "--where", "no_such_column=1"]) == 64
    assert main.run(["questions", "photos"]) == 1
    assert "fits photos-while-driving" in capsys.readouterr().err


@pytest.mark.usefixtures("reader")
def test_conditions_choose_among_all_rows_and_not_among_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    def told(*words: str) -> list[dict[str, Any]]:
        assert main.run(["questions", *words, "-o", "json"]) == 0
        return list(json.loads(capsys.readouterr().out))

    assert "Spirit" not in {one["rover_name"] for one in told("newest-pictures")}
    spirits = told("newest-pictures", "--where", "rover_name=spirit")
    assert {one["rover_name"] for one in spirits} == {"Spirit"}
    times = [one["taken_at"] for one in spirits]
    assert times == sorted(times, reverse=True)
    assert len(times) == 20
    assert len(told("newest-pictures", "--limit", "25")) == 25, "the limit takes the place of the query's own"
    for name in QUESTIONS:
        assert told(name, "--limit", "1") == told(name)[:1], name


@pytest.mark.usefixtures("reader")
def test_why_and_gaps_tell_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MARS_KUBECTL", "/no/kubectl")  # plans and dead letters are told of where there is a cluster
    assert main.run(["gaps", "-o", "json"]) == 0
    gaps = json.loads(capsys.readouterr().out)
    assert [(one["rover_name"], one["sol"], one["state"]) for one in gaps] == [
        ("Opportunity", 3, "mismatch"),
        ("Spirit", 2, "failed"),
        ("Spirit", 3, "mismatch"),
    ]
    assert all(one["next_attempt_at"] is None or one["next_attempt_at"].endswith("Z") for one in gaps)
    assert main.run(["gaps", "--rover", "curiosity"]) == 0
    assert "nothing is missing" in capsys.readouterr().out
    assert main.run(["why", "spirit/2"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Spirit sol 2: failed. ")
    assert "It is tried again by itself" in said
    assert "not asked: plans and dead letters" in said
    assert main.run(["why", "spirit/1", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "complete"
    assert main.run(["why", "spirit/99999"]) == 0
    assert "not promised" in capsys.readouterr().out
    assert main.run(["why", "spirit"]) == 0
    assert "SourceError" in capsys.readouterr().out
    assert main.run(["why", "opportunity", "-o", "json"]) == 0
    (gap,) = json.loads(capsys.readouterr().out)["gaps"]
    assert (gap["state"], gap["missing_photos"]) == ("mismatch", 0), "more than was promised lacks nothing"


def _aside(what: str, reason: str, raw: Any) -> dict[str, Any]:
    return {"what": what, "reason": reason, "message": f"{what} {reason}", "raw": raw}


@pytest.fixture
def set_aside(dbt: Dbt) -> Iterator[None]:
    """Things of every grain that could not be used: the view tells of them without a run of dbt."""
    odd_object = "photos/spirit/mars_rover_photos_batch_sol_2_to_9_20250101T000000Z-00000001.json"
    half = "photos/spirit/mars_rover_photos_batch_sol_3_to_3_20250101T000000Z-00000002.json"
    manifest = "manifests/spirit/mars_rover_manifests_batch_20250101T000000Z-00000003.json"
    for key, grain in ((odd_object, "object"), (half, "field"), (manifest, "object")):
        dbt.cursor.execute(
            "insert into BRONZE.SET_ASIDE (OBJECT_KEY, ETAG, GRAIN, REASON, MESSAGE, FIRST_SEEN_AT, LAST_SEEN_AT, "
            "ATTEMPTS) values (?, 'e', ?, 'Odd', 'it is odd', ?, ?, 1)",
            (key, grain, LATER, LATER),
        )
    told = outcome(3, None, [], LATER) | {"set_aside": [_aside("photo", "NoIdentity", {"sol": 3})]}
    sols = [
        _aside("sol", "ListedTwice", [{"sol": 3, "total_photos": 1}, {"sol": 3, "total_photos": 2}]),
        _aside("sol", "NoCount", {"sol": 2, "total_photos": "many"}),
        _aside("sol", "NoSol", {"sol": "soon"}),
    ]
    feature = [_aside("feature", "NoGeometry", {"properties": {"sol": 16}})]
    put = (
        photo_batch("Spirit", [told], [], LATER, "aside"),
        replace(manifest_batch("Spirit", {}, LATER), arrays={"MANIFESTS": [], "SET_ASIDE": sols}),
        replace(
            coordinates_batch("Perseverance", [], LATER),
            arrays={"COORDINATES": [], "PLACES": [], "LAYERS": [], "SET_ASIDE": feature},
        ),
    )
    dbt.put(*put)
    yield
    for batch in put:
        dbt.cursor.execute(f"delete from {batch.table} where OBJECT_KEY = ?", (batch.key,))
    dbt.cursor.execute("delete from BRONZE.SET_ASIDE")


@pytest.mark.usefixtures("reader", "set_aside")
def test_why_tells_of_everything_that_was_set_aside_at_every_grain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARS_KUBECTL", "/no/kubectl")

    def told(what: str) -> list[tuple[str, str, int | None]]:
        assert main.run(["why", what, "-o", "json"]) == 0
        rows = json.loads(capsys.readouterr().out)["set_aside"]
        return sorted((one["grain"], one["reason"], one["first_sol"] or 0) for one in rows)

    of_3 = [("field", "Odd", 3), ("object", "Odd", 2), ("photo", "NoIdentity", 3), ("sol", "ListedTwice", 3)]
    assert told("spirit/3") == of_3
    assert told("spirit/2") == [("object", "Odd", 2), ("sol", "NoCount", 2)]
    assert told("spirit/9") == [("object", "Odd", 2)]
    assert told("spirit/10") == []
    assert told("spirit") == sorted([*of_3, ("object", "Odd", 0), ("sol", "NoCount", 2), ("sol", "NoSol", 0)])
    assert told("perseverance/16") == told("perseverance") == [("feature", "NoGeometry", 16)]
    assert told("curiosity") == []
    for what, parts in {"spirit/3": ["2-9"], "spirit": ["2-9", "NoSol"], "perseverance": ["NoGeometry"]}.items():
        assert main.run(["why", what]) == 0
        said = capsys.readouterr().out
        assert [part for part in ("set aside:", *parts) if part not in said] == []


@pytest.mark.usefixtures("reader")
def test_status_has_the_times_in_iso(dbt: Dbt, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["status", "--check", "-o", "json"]) == 1
    told = {one["rover_name"]: one for one in json.loads(capsys.readouterr().out)}
    assert told["all"]["gaps"] == 3
    ((newest,),) = dbt.rows("select NEWEST_PHOTO_AT from GOLD.FRESHNESS where ROVER_NAME = 'Perseverance'")
    assert told["Perseverance"]["newest_photo_at"] == iso(newest)
    assert told["Perseverance"]["manifest_at"].endswith("Z")
    assert main.run(["status"]) == 0
    assert "not complete: 3 gaps" in capsys.readouterr().out


@pytest.mark.usefixtures("reader")
def test_what_the_pages_ask_in_sql_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(page.read_text() for page in PAGES) + demo.look_around("mars")
    asked = re.findall(r'^\s*(?:\./)?mars sql (?:-x )?"([^"]+)"', text, re.MULTILINE)
    asked += re.findall(r"^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(asked) >= 12
    for statement in asked:
        assert main.run(["sql", statement, "-o", "json"]) == 0, statement
        assert "[]" not in capsys.readouterr().out.split("\n")[0] or "archive_progress" in statement, statement


@pytest.mark.usefixtures("reader")
def test_a_picture_is_found_by_name_by_sol_and_as_the_newest(dbt: Dbt) -> None:
    from mm_cli.show import find
    from mm_cli.warehouse_session import session

    with session(30) as opened:
        newest = find(opened, "", "")
        ((when,),) = dbt.rows("select max(coalesce(UTC, TAKEN_FROM)) from GOLD.PHOTOS where IS_COUNTED")
        assert newest.taken_at == when
        assert find(opened, newest.image_id, "") == newest
        navcam = find(opened, "perseverance/15", "navcam_left")
        assert (navcam.rover, navcam.sol, navcam.camera) == ("Perseverance", 15, "NAVCAM_LEFT")
        assert navcam.small
        with pytest.raises(CliError, match="there is no picture of"):
            find(opened, "curiosity/99999", "")


@pytest.mark.usefixtures("reader")
def test_pictures_that_the_pages_name_are_there_and_the_tutorials_was_taken_during_a_drive(
    dbt: Dbt, capsys: pytest.CaptureFixture[str]
) -> None:
    from mm_cli.show import find
    from mm_cli.warehouse_session import session

    named = {page.name: re.findall(r"mars show (\w*_\w*)", page.read_text()) for page in (*PAGES, ROOT / "docs/cli.md")}
    with session(30) as opened:
        for page, ids in named.items():
            for image in ids:
                assert find(opened, image, "").image_id == image, page
    assert named["cli.md"]
    assert named["make-a-time-lapse.md"]
    (image,) = set(named["tutorial.md"])
    assert dbt.rows(f"select TRAVEL_PHASE from GOLD.PHOTOS where IMAGE_ID = '{image}'") == [("during",)]
    (asked,) = re.findall(r'mars sql "([^"]*as image_id[^"]*)"', (ROOT / "docs/tutorial.md").read_text())
    assert main.run(["sql", asked, "-o", "json"]) == 0
    assert image in {one["image_id"] for one in json.loads(capsys.readouterr().out)}, "the list names it"


def test_there_are_fifteen_and_each_begins_with_its_title() -> None:
    assert len(QUESTIONS) == 15
    for text in QUESTIONS.values():
        title, what, query = text.splitlines()
        assert title.startswith("-- ")
        assert what.startswith("-- ")
        assert query.startswith("select ")
        assert query.endswith(";")


def test_photos_while_driving_lie_between_start_and_end_of_a_drive_that_can_be_trusted(
    dbt: Dbt, source: Source
) -> None:
    """By the clocks in the names and in the layer. The drive of sol 14 began before its sol, and is not believed."""
    drives = {f["properties"]["sol"]: f["properties"] for f in source.features("Perseverance")}
    expected = Counter(
        sol
        for sol, name in names(source, "Perseverance")
        if sol in drives and sol != 14
        and drives[sol]["SCLK_START"] <= int(name[9:19]) <= drives[sol]["SCLK_END"]
    )  # fmt: skip
    found = {sol: photos for rover, sol, photos in ask(dbt, "photos-while-driving") if rover == "Perseverance"}
    assert set(found) == set(expected) == {15, 16, 52}
    for sol, photos in found.items():
        # A frame whose milliseconds lie beyond the last whole second is after the drive.
        assert 0 <= expected[sol] - photos <= 1


def test_photos_per_camera_and_hour_are_those_with_a_clock(dbt: Dbt) -> None:
    rows = ask(dbt, "photos-per-camera-and-hour")
    assert all(0 <= hour <= 23 for _, _, hour, _ in rows)
    ((clocked,),) = dbt.rows("select count(*) from GOLD.PHOTOS where UTC is not null and IS_COUNTED")
    assert sum(photos for *_, photos in rows) == clocked
    assert not {camera for _, camera, _, _ in rows} & {"MAST", "MAHLI", "MARDI"}, "their names have no clock"
    navcam = [hour for rover, camera, hour, _ in rows if rover == "Perseverance" and camera == "NAVCAM_LEFT"]
    assert min(navcam) >= 7, "it takes pictures by day"


def test_longest_drives_are_the_longest_of_layer_and_traverse(dbt: Dbt, source: Source) -> None:
    rows = ask(dbt, "longest-drives")
    lengths = [row[2] for row in rows]
    assert lengths == sorted(lengths, reverse=True)
    assert len(rows) == 20
    every = dict(dbt.rows("select SOL, LENGTH_M from GOLD.DRIVES where ROVER_NAME = 'Perseverance'"))
    assert every == {f["properties"]["sol"]: f["properties"]["length"] for f in source.features("Perseverance")}


def test_stereo_pairs_are_pictures_of_one_second_by_both_eyes(dbt: Dbt, source: Source) -> None:
    eyes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, name in names(source, "Perseverance"):
        if name[0] in "NFRZ" and name[1] in "LR":
            eyes[name[0] + name[4:19], name[35:44]].add(name[1])
    expected = sum(both == {"L", "R"} for both in eyes.values())
    pairs = [row for row in ask(dbt, "stereo-pairs") if row[0] == "Perseverance"]
    assert len(pairs) == expected > 400
    assert all(left[1] == "L" and right[1] == "R" and left[9:19] == right[9:19] for *_, left, right in pairs)


def test_gaps_tell_how_many_photos_are_missing_and_why(dbt: Dbt, source: Source) -> None:
    promised = {entry["sol"]: entry["total_photos"] for entry in source.manifests["Spirit"]["photos"]}
    assert ask(dbt, "gaps-by-reason") == [
        ("Opportunity", "mismatch", "Mismatch", 1, 0),
        ("Spirit", "failed", "SourceError", 1, promised[2]),
        ("Spirit", "mismatch", "Mismatch", 1, 1),
    ]
    why = dbt.rows(
        "select SOL, STATE, WHY, ARCHIVED_PHOTOS from GOLD.ARCHIVE_PROGRESS where ROVER_NAME = 'Spirit' order by 1"
    )
    assert why[0][1:3] == ("complete", "All photos and cameras that the manifest promises are in the archive.")
    assert why[1] == (2, "failed", "The source said SourceError.", 0)
    assert why[2][1] == "mismatch"
    assert f"{promised[3] - 1} photos" in why[2][2]
    assert f"promises {promised[3]}" in why[2][2]


def test_cameras_have_first_and_last_sols(dbt: Dbt, source: Source) -> None:
    sols: dict[tuple[str, str], list[int]] = defaultdict(list)
    for rover in ("Perseverance", "Curiosity", "Opportunity"):
        for entry in source.manifests[rover]["photos"]:
            for camera in entry["cameras"]:
                sols[rover, camera].append(entry["sol"])
    found = {
        (rover, camera): (first, last) for rover, camera, _, first, last, _ in ask(dbt, "cameras-first-and-last-use")
    }
    assert {key: value for key, value in found.items() if key[0] != "Spirit"} == {
        key: (min(value), max(value)) for key, value in sols.items()
    }


def test_photos_per_metre_are_unknown_where_metres_are(dbt: Dbt, source: Source) -> None:
    rows = {rover: (photos, metres, ratio) for rover, photos, metres, ratio in ask(dbt, "photos-per-metre")}
    metres = sum(f["properties"]["length"] for f in source.features("Perseverance"))
    photos = sum(1 for _ in names(source, "Perseverance"))
    assert rows["Perseverance"] == (photos, pytest.approx(metres, abs=0.05), pytest.approx(photos / metres, abs=0.01))
    assert rows["Curiosity"][1:] == rows["Opportunity"][1:] == (None, None), "unknown, and not 0"


def test_thumbnails_are_told_by_the_letter_of_the_product(dbt: Dbt, source: Source) -> None:
    thumbnails, photos = Counter[str](), Counter[str]()
    for entry in source.manifests["Curiosity"]["photos"]:
        for photo in source.photos("Curiosity", entry["sol"]):
            name, camera = photo["img_src"].rpartition("/")[2], photo["camera"]["name"]
            letter = name.removesuffix("_DXXX.jpg").rstrip("0123456789")[-1] if "_DXXX" in name else name[17]
            photos[camera] += 1
            thumbnails[camera] += letter in ("GHIOPQTU" if "_DXXX" in name else "T")
    found = {camera: (n, few) for rover, camera, n, few, _ in ask(dbt, "share-of-thumbnails") if rover == "Curiosity"}
    assert found == {camera: (photos[camera], thumbnails[camera]) for camera in photos}
    shares = {camera: share for rover, camera, *_, share in ask(dbt, "share-of-thumbnails") if rover == "Curiosity"}
    assert shares["MARDI"] == 1
    assert 0 < shares["MAHLI"] < 1, "a share is not rounded to a whole number"


def test_freshness_tells_sols_behind(dbt: Dbt, source: Source) -> None:
    rows = {row[0]: row for row in ask(dbt, "freshness")}
    assert {rover: row[2] for rover, row in rows.items()} == {
        name: m["max_sol"] for name, m in source.manifests.items()
    }
    assert all(row[3] == 0 for row in rows.values())
    assert all(row[5] > row[6] > 0 for row in rows.values()), "photos are older than the manifest"


def test_frames_in_several_versions_name_them(dbt: Dbt) -> None:
    rows = ask(dbt, "frames-in-several-versions")
    assert {row[3:] for row in rows} == {(2, "J01, J02")}
    ((older,),) = dbt.rows("select count(*) from GOLD.PHOTOS where not IS_LATEST_VERSION")
    assert len(rows) == older == 30


def test_time_to_the_next_drive_is_that_between_two_clocks(dbt: Dbt) -> None:
    rows = ask(dbt, "time-to-next-drive")
    hours = [row[-1] for row in rows]
    assert len(rows) == 100
    assert hours == sorted(hours)
    assert hours[0] >= 0
    starts = dict(dbt.rows("select DRIVE_KEY, STARTED_AT from GOLD.DRIVES"))
    for *_, utc, key, seconds, told in rows:
        assert seconds == pytest.approx((starts[key] - utc).total_seconds(), abs=0.01)
        assert told == pytest.approx((starts[key] - utc).total_seconds() / 3600, abs=0.006)


def test_seasons_are_those_of_the_landings(dbt: Dbt) -> None:
    """Published: Curiosity landed at Ls 150.7 of Mars year 31, Perseverance at 5.6 of 36, Spirit at 327.7 of 26."""
    rows = {row[0]: row[1:] for row in ask(dbt, "seasons")}
    assert rows["Curiosity"][:3] == (31, "northern summer", pytest.approx(150.7, abs=0.1))
    assert rows["Perseverance"][:3] == (36, "northern spring", pytest.approx(5.6, abs=0.1))
    assert rows["Spirit"][:3] == (26, "northern winter", pytest.approx(327.7, abs=0.1))
    assert rows["Opportunity"][:3] == (26, "northern winter", pytest.approx(339.1, abs=0.1))


def test_photos_have_the_coordinates_of_the_end_of_the_drive(dbt: Dbt, source: Source) -> None:
    ends = {f["properties"]["toRMC"]: f["geometry"]["coordinates"][-1] for f in source.features("Perseverance")}
    rows = ask(dbt, "photos-with-coordinates")
    assert len(rows) > 600
    for _, _, image, longitude, latitude, elevation, *_ in rows:
        assert [longitude, latitude, elevation] == list(ends[f"{int(image[28:31])}_{int(image[31:35])}"]), image


def test_newest_pictures_come_first(dbt: Dbt) -> None:
    rows = ask(dbt, "newest-pictures")
    times = [row[3] for row in rows]
    assert len(rows) == 20
    assert times == sorted(times, reverse=True)
    ((newest,),) = dbt.rows("select max(UTC) from GOLD.PHOTOS")
    assert times[0] == newest


def test_frames_for_a_time_lapse_are_in_order_and_whole(dbt: Dbt) -> None:
    rows = ask(dbt, "time-lapse")
    times = [row[1] for row in rows]
    assert times == sorted(times)
    assert len(times) > 100
    assert all(row[0].startswith("NL") and row[0][45:47] in ("00", "01") for row in rows)

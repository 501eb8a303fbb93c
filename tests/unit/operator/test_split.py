"""Plans into batches and schedules into plans."""

import json
import random

import pytest
from mm_contracts.messages import MAX_TASKS, Task, parse_schedule, schedule_message
from mm_contracts.plan import DroppedSols, PlanSpec
from mm_contracts.sols import format_sols, merge_sols
from mm_operator.core.settings import PlanDefaults
from mm_operator.core.split import (
    MAX_BATCHES,
    POD_SECONDS,
    UNKNOWN_PHOTOS,
    WORTHWHILE_SECONDS,
    Pace,
    TooManyBatchesError,
    plan_from_schedule,
    plan_name,
    split,
)


def spec(dataset: str = "photos", max_sols: int = 10, **rovers: list[str]) -> PlanSpec:
    named = [{"name": name, "sols": sols} for name, sols in rovers.items()]
    return PlanSpec.model_validate({"dataset": dataset, "rovers": named, "batch": {"maxSols": max_sols}})


def texts(found: PlanSpec) -> list[tuple[str, str]]:
    return [(batch.rover, batch.text) for batch in split(found)]


def test_items_are_cut_but_never_joined() -> None:
    assert texts(spec(Curiosity=["0-24", "30", "40,42"])) == [
        ("Curiosity", "0-9"), ("Curiosity", "10-19"), ("Curiosity", "20-24"),
        ("Curiosity", "30"), ("Curiosity", "40,42"),
    ]  # fmt: skip


def test_a_plan_by_hand_keeps_to_its_photos_by_what_a_sol_usually_has() -> None:
    few = PlanSpec.model_validate(
        {"rovers": [{"name": "Spirit", "sols": ["0-8"]}], "batch": {"maxSols": 10, "maxPhotos": 4 * UNKNOWN_PHOTOS}}
    )
    assert texts(few) == [("Spirit", "0-3"), ("Spirit", "4-7"), ("Spirit", "8")]
    fewer = few.model_copy(update={"batch": few.batch.model_copy(update={"max_photos": 1})})
    assert len(texts(fewer)) == 9, "one sol may hold more by itself"
    assert [batch.text for batch in split(few, size=few.batch.max_sols)] == ["0-8"], "a schedule's promise counts alone"


def test_rovers_take_turns() -> None:
    assert [rover for rover, _ in texts(spec(Curiosity=["1", "2", "3"], Spirit=["1"]))] == [
        "Curiosity", "Spirit", "Curiosity", "Curiosity",
    ]  # fmt: skip


def test_a_sol_that_is_named_twice_is_taken_once() -> None:
    assert texts(spec(Curiosity=["0-5", "3-8", "1"])) == [("Curiosity", "0-5"), ("Curiosity", "6-8")]


def test_manifests_have_a_batch_for_each_rover() -> None:
    found = spec("manifests", Curiosity=[], Spirit=[])
    assert texts(found) == [("Curiosity", ""), ("Spirit", "")]


def test_a_plan_of_too_many_batches_says_what_to_change() -> None:
    with pytest.raises(TooManyBatchesError, match=r"raise batch\.maxSols"):
        split(spec(max_sols=1, Curiosity=[f"0-{MAX_BATCHES}"]))


@pytest.mark.parametrize("seed", range(20))
def test_batches_hold_exactly_the_plan_s_sols(seed: int) -> None:
    chance = random.Random(seed)
    items = []
    for _ in range(chance.randint(1, 30)):
        first = chance.randint(0, 500)
        items.append(f"{first}-{first + chance.randint(0, 40)}" if chance.random() < 0.7 else str(first))
    found = spec(max_sols=chance.randint(1, 12), Spirit=items)
    dropped = frozenset(chance.sample(range(500), 50))
    batches = split(found, [DroppedSols(rover="Spirit", sols=format_sols(dropped), plan="other")])
    sols = [sol for batch in batches for sol in batch.sols]
    assert len(sols) == len(set(sols))
    assert set(sols) == set(merge_sols(items)) - dropped
    assert max(len(batch.sols) for batch in batches) <= found.batch.max_sols
    firsts = [batch.sols[0] for batch in batches]
    assert len(set(firsts)) == len(firsts), "two batches would write the same object"


def schedule(tasks: list[dict[str, object]], **more: object) -> bytes:
    return json.dumps({"ingestion_schedule": {"tasks": tasks}, "status": "success", **more}).encode()


def cut(tasks: list[dict[str, object]], paces: dict[str, Pace] | None = None, **defaults: object) -> list[str]:
    found = plan_from_schedule(parse_schedule(schedule(tasks)), PlanDefaults.model_validate(defaults), paces)
    assert found is not None
    return [item for rover in found.rovers for item in rover.sols]


def tasks_of(sols: range, photos: int | None, rover: str = "spirit") -> list[dict[str, object]]:
    told = {} if photos is None else {"photos": photos}
    return [{"rover_name": rover, "sol": sol, **told} for sol in sols]


def test_a_schedule_is_cut_within_the_bounds_of_sols_and_promised_photos() -> None:
    tasks = tasks_of(range(3), 3000) + tasks_of(range(3, 15), 1)
    assert cut(tasks, batch={"maxSols": 10}, parallelism=1) == ["0", "1", "2-11", "12-14"]


def test_a_batch_is_worth_its_pod_and_the_slots_are_filled() -> None:
    many = cut(tasks_of(range(200), 187), parallelism=4)
    seconds = [Pace().seconds(Task(rover_name="Spirit", sol=0, photos=187)) * len(merge_sols([item])) for item in many]
    assert all(POD_SECONDS * 3 < one <= WORTHWHILE_SECONDS for one in seconds[:-1])
    assert 4 <= len(many) <= 12
    assert len(cut(tasks_of(range(40), 50), parallelism=4)) == 4, "shorter ones, so that no slot stays empty"
    assert cut(tasks_of(range(8), 3), parallelism=4) == ["0-7"], "but none shorter than what its pod costs"


def test_what_promises_nothing_is_taken_for_usual_sols() -> None:
    told = cut(tasks_of(range(200), UNKNOWN_PHOTOS), batch={"maxSols": 50, "maxPhotos": 100_000})
    assert cut(tasks_of(range(200), None)) == told


def test_a_slow_source_gets_shorter_batches() -> None:
    quick = cut(tasks_of(range(100), 10))
    slow = cut(tasks_of(range(100), 10), {"Spirit": Pace.of(1000)})
    assert len(slow) > 10 * len(quick) / 4
    assert Pace.of(None) == Pace()


def test_ranges_may_hold_more_sols_than_a_list_has_room_for() -> None:
    assert cut(tasks_of(range(50), 1), parallelism=1) == ["0-49"]


def test_a_schedule_of_nothing_makes_no_plan() -> None:
    assert plan_from_schedule(parse_schedule(schedule([])), PlanDefaults()) is None


def test_manifests_come_before_photos() -> None:
    body = schedule([{"rover_name": "Spirit"}], dataset="manifests", priority=3)
    found = plan_from_schedule(parse_schedule(body), PlanDefaults())
    assert found is not None
    assert (found.dataset, found.priority, found.rovers[0].sols) == ("manifests", 103, [])


@pytest.mark.parametrize("scattered", [False, True])
def test_the_biggest_schedule_makes_a_valid_plan(scattered: bool) -> None:
    sols = range(0, MAX_TASKS * 2, 2) if scattered else range(MAX_TASKS)
    tasks = [{"rover_name": "Curiosity", "sol": sol, "photos": 100} for sol in sols]
    found = plan_from_schedule(parse_schedule(schedule(tasks)), PlanDefaults())
    assert found is not None
    assert merge_sols(found.rovers[0].sols) == tuple(sols)
    assert len(found.model_dump_json()) < 500_000


def test_big_batches_of_scattered_sols_keep_items_short() -> None:
    tasks = [{"rover_name": "Curiosity", "sol": sol} for sol in range(10_000, 14_000, 2)]
    defaults = PlanDefaults.model_validate({"batch": {"maxSols": 1000}})
    found = plan_from_schedule(parse_schedule(schedule(tasks)), defaults)
    assert found is not None
    assert merge_sols(found.rovers[0].sols) == tuple(range(10_000, 14_000, 2))


@pytest.mark.parametrize(
    ("rovers", "each"), [(["Curiosity"], 5_100), (["Curiosity", "Spirit", "Opportunity", "Perseverance"], 2_600)]
)
def test_limits_that_are_too_small_for_a_schedule_are_widened(rovers: list[str], each: int) -> None:
    tasks = [{"rover_name": r, "sol": sol * 2, "photos": 900_000} for r in rovers for sol in range(each)]
    defaults = PlanDefaults.model_validate({"batch": {"maxSols": 1, "maxPhotos": 450_000 // 5}})
    found = plan_from_schedule(parse_schedule(schedule(tasks)), defaults)
    assert found is not None
    assert sum(len(batch.sols) for batch in split(found)) == each * len(rovers)


def test_a_plan_s_name_is_a_function_of_the_schedule_id_or_else_of_the_message() -> None:
    def name(value: bytes, offset: int) -> str:
        return plan_name(parse_schedule(value), "ingestion-scheduling", 0, offset)

    task = [{"rover_name": "Spirit", "sol": 1}]
    by_id = schedule_message("photos", task, schedule_id="abc", timestamp="t")
    assert name(by_id, 1) == name(by_id, 2)
    assert name(schedule(task), 1) != name(schedule(task), 2)
    assert name(schedule(task), 1) == name(schedule(task), 1)
    assert name(by_id, 1) != name(schedule_message("photos", task, schedule_id="abd", timestamp="t"), 1)
    found = parse_schedule(by_id)
    names = {plan_name(found, "ingestion-scheduling", 0, 1, instance) for instance in ("", "mars", "moon")}
    assert len(names) == 3, "two releases in one namespace publish the same ids"


def test_plans_of_pictures_take_sols_or_are_about_the_newest() -> None:
    def indexed(dataset: str, *sols: str, **images: object) -> list[tuple[str, str]]:
        spec = PlanSpec.model_validate(
            {"dataset": dataset, "rovers": [{"name": "Spirit", "sols": list(sols)}], "images": images}
        )
        return [(batch.rover, batch.text) for batch in split(spec)]

    assert indexed("images", "0-14") == [("Spirit", "0-9"), ("Spirit", "10-14")]
    assert indexed("images") == [("Spirit", "")]
    assert indexed("timelapse", "0-500", cameras=["PANCAM"]) == [("Spirit", "0-500")]
    with pytest.raises(ValueError, match="a timelapse is of one camera"):
        indexed("timelapse", "0-5")
    with pytest.raises(ValueError, match="takes no sols"):
        indexed("manifests", "0-5")


def test_a_schedule_of_pictures_becomes_a_plan_with_its_options() -> None:
    value = schedule_message(
        "timelapse",
        [{"rover_name": "Spirit", "sol": sol} for sol in range(80)],
        schedule_id="x",
        timestamp="t",
        images={"cameras": ["PANCAM"], "maxBytes": 5},
    )
    spec = plan_from_schedule(parse_schedule(value), PlanDefaults())
    assert spec is not None
    assert (spec.images.cameras, spec.images.max_bytes) == (["PANCAM"], 5)
    assert len(spec.rovers[0].sols) > 1
    assert [batch.text for batch in split(spec)] == ["0-79"]
    photos = schedule_message("photos", [{"rover_name": "Spirit", "sol": 1}], schedule_id="x", timestamp="t")
    plain = plan_from_schedule(parse_schedule(photos), PlanDefaults())
    assert plain is not None
    assert "images" not in plain.model_dump(exclude_defaults=True)

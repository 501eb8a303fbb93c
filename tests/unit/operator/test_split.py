"""Plans into batches and schedules into plans."""

import json
import random

import pytest
from mm_contracts.messages import MAX_TASKS, parse_schedule, schedule_message
from mm_contracts.plan import PlanSpec
from mm_contracts.sols import merge_sols
from mm_operator.core.coverage import Covering, covered_sols, dropped_by_rover, find_dropped, lets_go
from mm_operator.core.settings import PlanDefaults
from mm_operator.core.split import MAX_BATCHES, TooManyBatchesError, plan_from_schedule, plan_name, split


def spec(dataset: str = "photos", max_sols: int = 10, **rovers: list[str]) -> PlanSpec:
    named = [{"name": name, "sols": sols} for name, sols in rovers.items()]
    return PlanSpec.model_validate({"dataset": dataset, "rovers": named, "batch": {"maxSols": max_sols}})


def texts(found: PlanSpec, **dropped: frozenset[int]) -> list[tuple[str, str]]:
    return [(batch.rover, batch.text) for batch in split(found, dropped)]


def test_items_are_cut_but_never_joined() -> None:
    assert texts(spec(Curiosity=["0-24", "30", "40,42"])) == [
        ("Curiosity", "0-9"), ("Curiosity", "10-19"), ("Curiosity", "20-24"),
        ("Curiosity", "30"), ("Curiosity", "40,42"),
    ]  # fmt: skip


def test_rovers_take_turns() -> None:
    assert [rover for rover, _ in texts(spec(Curiosity=["1", "2", "3"], Spirit=["1"]))] == [
        "Curiosity", "Spirit", "Curiosity", "Curiosity",
    ]  # fmt: skip


def test_a_sol_that_is_named_twice_is_taken_once() -> None:
    assert texts(spec(Curiosity=["0-5", "3-8", "1"])) == [("Curiosity", "0-5"), ("Curiosity", "6-8")]


def test_manifests_have_a_batch_for_each_rover() -> None:
    found = spec("manifests", Curiosity=[], Spirit=[])
    assert texts(found) == [("Curiosity", ""), ("Spirit", "")]
    assert texts(found, Spirit=frozenset()) == [("Curiosity", "")]


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
    batches = split(found, {"Spirit": dropped})
    sols = [sol for batch in batches for sol in batch.sols]
    assert len(sols) == len(set(sols))
    assert set(sols) == set(merge_sols(items)) - dropped
    assert max(len(batch.sols) for batch in batches) <= found.batch.max_sols
    firsts = [batch.sols[0] for batch in batches]
    assert len(set(firsts)) == len(firsts), "two batches would write the same object"


def schedule(tasks: list[dict[str, object]], **more: object) -> bytes:
    return json.dumps({"ingestion_schedule": {"tasks": tasks}, "status": "success", **more}).encode()


def test_a_schedule_is_cut_by_sols_and_by_promised_photos() -> None:
    tasks = [{"rover_name": "spirit", "sol": sol, "photos": 3000 if sol < 3 else 1} for sol in range(15)]
    found = plan_from_schedule(parse_schedule(schedule(tasks)), PlanDefaults())
    assert found is not None
    assert [rover.sols for rover in found.rovers] == [["0", "1", "2-11", "12-14"]]


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


def cover(name: str, found: PlanSpec, source: str = "s") -> Covering:
    return Covering(name, found.dataset, source, split(found))


def test_what_live_plans_cover_is_dropped_from_a_new_one() -> None:
    new = spec(Curiosity=["0-20"], Spirit=["1-3"])
    others = [cover("a", spec(Curiosity=["5-9"])), cover("b", spec(Curiosity=["8-12"], Spirit=["1-3"]))]
    dropped = find_dropped(new, "s", split(new), others)
    assert [(d.rover, d.sols, d.plan) for d in dropped] == [
        ("Curiosity", "5-9", "a"), ("Curiosity", "10-12", "b"), ("Spirit", "1-3", "b"),
    ]  # fmt: skip
    assert texts(new, **dropped_by_rover(dropped)) == [("Curiosity", "0-4,13-17"), ("Curiosity", "18-20")]


def test_another_source_or_dataset_covers_nothing() -> None:
    new = spec(Curiosity=["0-3"])
    others = [cover("a", spec(Curiosity=["0-3"]), source="other"), cover("m", spec("manifests", Curiosity=[]))]
    assert find_dropped(new, "s", split(new), others) == []


def test_a_rover_s_manifest_is_fetched_by_one_live_plan() -> None:
    new = spec("manifests", Curiosity=[], Spirit=[])
    dropped = find_dropped(new, "s", split(new), [cover("m", spec("manifests", Curiosity=[]))])
    assert texts(new, **dropped_by_rover(dropped)) == [("Spirit", "")]


def test_of_two_plans_accepted_in_either_order_one_fetches_each_sol() -> None:
    older, newer = spec(Curiosity=["0-9"]), spec(Curiosity=["5-14"])
    first = find_dropped(newer, "s", split(newer), [])
    newer_covers = Covering("newer", "photos", "s", split(newer, dropped_by_rover(first)))
    second = find_dropped(older, "s", split(older), [newer_covers])
    fetched = [sol for batch in split(older, dropped_by_rover(second)) for sol in batch.sols]
    fetched += [sol for batch in newer_covers.batches for sol in batch.sols]
    assert sorted(fetched) == list(range(15))


def test_what_live_plans_cover_is_told_by_source_and_rover() -> None:
    live = [
        cover("a", spec(Spirit=["1-3"], Curiosity=["7"])),
        cover("b", spec(Spirit=["3-5"])),
        cover("c", spec(Spirit=["9"]), source="t"),
        cover("m", spec("manifests", Curiosity=[])),
    ]
    told = [(one.source, one.rover, one.sols) for one in covered_sols(live)]
    assert told == [("s", "Curiosity", "7"), ("s", "Spirit", "1-5"), ("t", "Spirit", "9")]
    assert covered_sols([]) == ()


def test_a_plan_lets_go_where_something_is_covered_no_more() -> None:
    before, more = [cover("a", spec(Spirit=["1-3"]))], [cover("a", spec(Spirit=["0-9"], Curiosity=["1"]))]
    assert not lets_go(covered_sols(before), covered_sols(more))
    assert lets_go(covered_sols(more), covered_sols(before))
    assert lets_go(covered_sols(before), covered_sols([cover("a", spec(Spirit=["1-3"]), source="t")]))
    assert not lets_go((), covered_sols(before))

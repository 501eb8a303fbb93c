"""Who has which sols in hand."""

from mm_contracts.plan import DroppedSols, PlanSpec
from mm_operator.core.coverage import WHOLE, Claims, Holding, any_released, covered_sols, settle_dropped, waits_for
from mm_operator.core.indexes import Indexes
from mm_operator.core.split import split


def spec(dataset: str = "photos", **rovers: list[str]) -> PlanSpec:
    named = [{"name": name, "sols": sols} for name, sols in rovers.items()]
    return PlanSpec.model_validate({"dataset": dataset, "rovers": named})


def holding(name: str, found: PlanSpec, source: str = "s", dropped: list[DroppedSols] | None = None) -> Holding:
    return Holding(name, {rover.name: source for rover in found.rovers}, found.dataset, split(found, dropped or []))


def everything(held: Holding) -> Indexes:
    return Indexes.of(range(len(held.batches)))


def accept(claims: Claims, name: str, found: PlanSpec, source: str = "s") -> tuple[Holding, list[DroppedSols]]:
    """Have a plan accepted: what others have is dropped, the rest is its own."""
    dropped = claims.find_dropped(holding(name, found, source))
    held = holding(name, found, source, dropped)
    claims.sync(held, everything(held))
    return held, dropped


def told(dropped: list[DroppedSols]) -> list[tuple[str, str, str]]:
    return [(d.rover, d.sols, d.plan) for d in dropped]


def test_what_live_plans_have_in_hand_is_dropped_from_a_new_one() -> None:
    claims = Claims()
    accept(claims, "a", spec(Curiosity=["5-9"]))
    accept(claims, "b", spec(Curiosity=["8-12"], Spirit=["1-3"]))
    held, dropped = accept(claims, "new", spec(Curiosity=["0-20"], Spirit=["1-3"]))
    assert sorted(told(dropped)) == [("Curiosity", "10-12", "b"), ("Curiosity", "5-9", "a"), ("Spirit", "1-3", "b")]
    assert [(b.rover, b.text) for b in held.batches] == [("Curiosity", "0-4,13-17"), ("Curiosity", "18-20")]


def test_another_source_or_dataset_covers_nothing() -> None:
    claims = Claims()
    accept(claims, "a", spec(Curiosity=["0-3"]), source="other")
    accept(claims, "m", spec("manifests", Curiosity=[]))
    assert accept(claims, "new", spec(Curiosity=["0-3"]))[1] == []


def test_a_rover_s_manifest_is_fetched_by_one_live_plan() -> None:
    claims = Claims()
    accept(claims, "m", spec("manifests", Curiosity=[]))
    held, dropped = accept(claims, "new", spec("manifests", Curiosity=[], Spirit=[]))
    assert told(dropped) == [("Curiosity", "", "m")]
    assert [b.rover for b in held.batches] == ["Spirit"]


def test_what_is_done_or_given_up_is_anybody_s_again() -> None:
    claims = Claims()
    held, _ = accept(claims, "old", spec("manifests", Curiosity=[], Spirit=[]))
    claims.sync(held, Indexes.of([1]))
    assert told(accept(claims, "new", spec("manifests", Curiosity=[], Spirit=[]))[1]) == [("Spirit", "", "old")]


def test_a_plan_that_comes_back_waits_for_the_sols_that_another_has_taken_up() -> None:
    claims = Claims()
    accept(claims, "young", spec(Curiosity=["0-5"]))
    back = holding("back", spec(Curiosity=["3", "8"]))
    claims.sync(back, everything(back))
    assert (back.claimed.text, back.blocked.text) == ("1", "0")
    young = holding("young", spec(Curiosity=["0-5"]))
    young.claimed = everything(young)
    assert claims.drop(young) == {"back"}
    claims.sync(back, everything(back))
    assert (back.claimed.text, back.blocked.text) == ("0-1", "")


def test_the_end_of_the_plan_that_had_them_decides_about_dropped_sols() -> None:
    dropped = [DroppedSols(rover="Spirit", sols="1-9", plan="a"), DroppedSols(rover="Spirit", sols="20", plan="b")]
    assert waits_for(dropped) == {"a", "b"}
    after = settle_dropped(dropped, "a", {"Spirit": frozenset(range(1, 5))})
    assert [(d.sols, d.ended) for d in after] == [("1-4", "Fetched"), ("20", ""), ("5-9", "Returned")]
    found = spec(Spirit=["0-20"])
    before, back = split(found, dropped), split(found, after)
    assert back[: len(before)] == before, "no index moves"
    assert [b.text for b in back[len(before) :]] == ["5-9"]
    gone = settle_dropped(after, "b", {})
    assert split(found, gone)[: len(back)] == back


def test_a_whole_manifest_is_returned_where_its_plan_is_gone() -> None:
    dropped = [DroppedSols(rover="Spirit", sols="", plan="a")]
    assert [d.ended for d in settle_dropped(dropped, "a", {"Spirit": frozenset({WHOLE})})] == ["Fetched"]
    after = settle_dropped(dropped, "a", {})
    assert [b.rover for b in split(spec("manifests", Spirit=[]), after)] == ["Spirit"]


def covered(*plans: Holding, failed: Indexes | None = None) -> tuple:  # type: ignore[type-arg]
    return covered_sols([(held.sources, held.batches, failed or Indexes()) for held in plans])


def test_what_live_plans_cover_is_told_by_source_and_rover() -> None:
    live = [
        holding("a", spec(Spirit=["1-3"], Curiosity=["7"])),
        holding("b", spec(Spirit=["3-5"])),
        holding("c", spec(Spirit=["9"]), source="t"),
    ]
    texts = [(one.source, one.rover, one.sols) for one in covered(*live)]
    assert texts == [("s", "Curiosity", "7"), ("s", "Spirit", "1-5"), ("t", "Spirit", "9")]
    assert covered() == ()
    assert covered(holding("d", spec(Spirit=["1"])), failed=Indexes.of([0])) == (), "given up is not in hand"


def test_each_rover_of_a_plan_is_covered_at_its_own_source() -> None:
    found = spec(Perseverance=["1-3"], Curiosity=["7"])
    held = Holding("a", {"Perseverance": "m20", "Curiosity": "msl"}, "photos", split(found, []))
    assert [(one.source, one.rover, one.sols) for one in covered(held)] == [
        ("m20", "Perseverance", "1-3"),
        ("msl", "Curiosity", "7"),
    ]
    claims = Claims()
    claims.sync(held, everything(held))
    assert told(claims.find_dropped(holding("b", found, "m20"))) == [("Perseverance", "1-3", "a")]


def test_it_is_noticed_where_something_is_covered_no_more() -> None:
    before = holding("a", spec(Spirit=["1-3"]))
    more = holding("a", spec(Spirit=["0-9"], Curiosity=["1"]))
    assert not any_released(covered(before), covered(more))
    assert any_released(covered(more), covered(before))
    assert any_released(covered(before), covered(holding("a", spec(Spirit=["1-3"]), source="t")))
    assert not any_released((), covered(before))

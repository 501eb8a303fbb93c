"""What a plan would cost: from the operator's own cut of it."""

from typing import Any

import pytest
from mm_contracts.plan import PlanSpec
from mm_contracts.sols import parse_sols
from mm_contracts.sources import Sources
from mm_operator.core.forecast import Share, seconds
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.split import most_sols, split
from mm_operator.preview import preview

JOBS = {kind: {"command": ["x"]} for kind in ("ingest", "load", "transform")}
SETTINGS = OperatorSettings.model_validate({"namespace": "mars", "image": "app", "maxConcurrentJobs": 6, "jobs": JOBS})
SOURCES = Sources.model_validate(
    {
        "default": "mirror",
        "sources": {
            "mirror": {"baseUrl": "http://mirror.example", "requestsPerHour": 100},
            "raw": {"kind": "msl-raw", "baseUrl": "http://raw.example", "pageSize": 50, "requestsPerHour": None},
        },
        "rovers": {"Curiosity": ["raw", "mirror"]},
    }
)


def _schedule(*tasks: tuple[str, int, int | None], source: str = "") -> dict[str, Any]:
    listed = [{"rover_name": rover, "sol": sol, "photos": photos} for rover, sol, photos in tasks]
    return {
        "schedule": {"ingestion_schedule": {"tasks": listed}, "status": "success", "timestamp": "2026-01-02T03:04:05Z"}
        | ({"source": source} if source else {}),
        "promised": [[rover, sol, photos] for rover, sol, photos in tasks if photos is not None],
    }


def test_a_plan_by_hand_is_cut_as_the_operator_cuts_it() -> None:
    spec = {"rovers": [{"name": "Spirit", "sols": ["0-24", "30"]}], "batch": {"maxSols": 10}, "parallelism": 2}
    told = preview({"spec": spec}, SETTINGS, SOURCES)
    own = split(PlanSpec.model_validate(spec))
    assert [(b["index"], b["rover"], b["sols"]) for b in told["batches"]] == [(b.index, b.rover, b.text) for b in own]
    assert [b["sols"] for b in told["batches"]] == ["0-9", "10-19", "20-24", "30"]
    (part,) = told["rovers"]
    assert (part["source"], part["sols"], part["batches"], part["unknown_sols"]) == ("mirror", 26, 4, 26)
    assert told["jobs_at_a_time"] == 2


def test_a_schedule_is_cut_as_the_operator_cuts_it() -> None:
    """Its items are cut by what is promised, and not once more by what sols usually have."""
    tasks = [("Spirit", sol, 2) for sol in range(100)]
    told = preview(_schedule(*tasks, source="raw"), SETTINGS, SOURCES)
    made = PlanSpec.model_validate(told["spec"])
    items = [item for rover in made.rovers for item in rover.sols]
    assert [batch["sols"] for batch in told["batches"]] == items
    assert max(len(parse_sols(item)) for item in items) > most_sols(made.batch)


def test_a_page_of_photos_is_a_request() -> None:
    told = preview(_schedule(("Curiosity", 1, 10), ("Curiosity", 2, 120), ("Curiosity", 3, None)), SETTINGS, SOURCES)
    (part,) = told["rovers"]
    assert (part["source"], part["requests"], part["photos"], part["unknown_sols"]) == ("raw", 1 + 3 + 1, 130, 1)


def test_what_the_hour_does_not_allow_waits_for_the_next() -> None:
    few = preview(_schedule(*[("Spirit", sol, 20) for sol in range(90)]), SETTINGS, SOURCES)
    many = preview(_schedule(*[("Spirit", sol, 20) for sol in range(250)]), SETTINGS, SOURCES)
    assert few["seconds"] < 3600
    assert 2 * 3600 < many["seconds"] < 3 * 3600
    assert sum(part["requests"] for part in many["rovers"]) == 250


def test_rovers_of_one_source_share_its_hour() -> None:
    def share(rover: str, source: str) -> Share:
        return Share(rover, source, 1, 80, 0, 80, 80, 100)

    assert seconds([share("Spirit", "a"), share("Opportunity", "b")], 4) < 3600
    assert seconds([share("Spirit", "a"), share("Opportunity", "a")], 4) > 3600


def test_manifests_are_one_request_each() -> None:
    told = preview(
        {"spec": {"dataset": "manifests", "rovers": [{"name": "Spirit"}, {"name": "Curiosity"}]}}, SETTINGS, SOURCES
    )
    assert [(part["rover"], part["batches"], part["requests"]) for part in told["rovers"]] == [
        ("Spirit", 1, 1),
        ("Curiosity", 1, 1),
    ]


@pytest.mark.parametrize(
    "request_", [{}, {"schedule": {}}, {"spec": {"rovers": []}}, {"spec": {"rovers": [{"name": "Zhurong"}]}},
                 {"spec": {"rovers": [{"name": "Spirit", "sols": ["1"]}], "source": "no"}}]
)  # fmt: skip
def test_what_is_no_request_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        preview(request_, SETTINGS, SOURCES)

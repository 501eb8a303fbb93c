"""The control plane: state, log, counters, clock, reset. No key ever shows in it."""

from __future__ import annotations

from typing import Any

import pytest

V1 = "/mars-photos/api/v1"


def test_state_agrees_with_the_api(tiny: Any) -> None:
    state = tiny.client.get("/__sim/state").json()
    assert (state["profile"], state["now"], state["photos"]) == ("tiny", "2025-10-07T12:00:00Z", 3411)
    for rover, shown in state["rovers"].items():
        manifest = tiny.manifest(rover)
        assert shown["photos"] == manifest["total_photos"]
        assert shown["sols"] == len(manifest["photos"])
        assert (shown["max_sol"], shown["max_date"]) == (manifest["max_sol"], manifest["max_date"])
    assert [state["rovers"][rover]["drives"] for rover in ("Perseverance", "Curiosity", "Spirit")] == [
        4,
        0,
        None,
    ]


def test_log_tells_what_came_and_never_the_key(tiny: Any) -> None:
    secret = "s" * 40
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    tiny.wall.now = 1_800_000_000.1239
    tiny.stranger.get(f"{V1}/rovers/curiosity/photos?sol=1&api_key={secret}&page=1", headers={"traceparent": trace})
    tiny.stranger.get(f"{V1}/manifests/spirit")
    answer = tiny.client.get("/__sim/requests")
    assert secret not in answer.text
    first, second = answer.json()["requests"]
    assert first | {"bytes": 0, "duration_ms": 0} == {
        "seq": 1, "time": 1_800_000_000.124, "sim_time": 1_759_838_400.0,
            "flavour": "nasa-v1", "method": "GET", "path": f"{V1}/rovers/curiosity/photos",
        "query": "sol=1&page=1", "kind": "photos", "rover": "Curiosity", "sol": 1, "status": 200, "bytes": 0,
        "duration_ms": 0, "faults": [], "traceparent": trace,
    }  # fmt: skip
    assert (second["kind"], second["status"]) == ("manifest", 403)


def test_log_filters(tiny: Any) -> None:
    for sol in (1, 2, 3):
        tiny.photos("spirit", sol=sol)
        tiny.wall.now += 10
    tiny.manifest("curiosity")

    def seqs(query: str) -> list[int]:
        return [record["seq"] for record in tiny.client.get(f"/__sim/requests?{query}").json()["requests"]]

    assert seqs("") == [1, 2, 3, 4]
    assert seqs("kind=photos") == [1, 2, 3]
    assert seqs("rover=SPIRIT&sol=2") == [2]
    assert seqs(f"since={tiny.wall.now - 15}") == [3, 4]
    assert seqs("after=2&limit=1") == [4]
    assert seqs("limit=0") == []
    assert seqs("status=404") == []
    assert tiny.client.get("/__sim/requests?sol=x").status_code == 400
    assert tiny.client.get("/__sim/requests?rover=x").status_code == 400


def test_log_is_bounded_but_counters_are_not(make: Any) -> None:
    api = make(profile="tiny", request_log=2)
    for _ in range(5):
        api.photos("spirit", sol=1)
    answer = api.client.get("/__sim/requests").json()
    assert [record["seq"] for record in answer["requests"]] == [4, 5]
    assert answer["forgotten"] == 3
    counters = api.client.get("/__sim/counters").json()
    assert (counters["requests"], counters["sols_answered"]) == (5, 1)
    assert counters["by_kind"] == {"photos": {"200": 5}}
    assert counters["by_rover"] == {"Spirit": {"200": 5}}


def test_clock_can_be_set_and_advanced(tiny: Any) -> None:
    def move(**body: Any) -> Any:
        return tiny.client.post("/__sim/clock", json=body)

    assert move(now="2025-01-01T00:00:00Z").json() == {"now": "2025-01-01T00:00:00Z", "rate": 0.0}
    assert move(advance_hours=36).json()["now"] == "2025-01-02T12:00:00Z"
    assert move(rate=60).json()["rate"] == 60.0
    tiny.wall.now += 60
    assert tiny.client.get("/__sim/clock").json()["now"] == "2025-01-02T13:00:00Z"
    for wrong in ({"now": "soon"}, {"now": 5}, {"rate": -1}, {"hours": 1}, {"now": "2300-01-01"}):
        response = move(**wrong)
        assert response.status_code == 400
        assert "advance_hours" in response.json()["error"]


def test_bodies_that_are_not_objects(tiny: Any) -> None:
    for body in ("[]", "{", "null"):
        assert tiny.client.post("/__sim/faults", content=body).status_code == 400


def test_reset_is_a_fresh_start(make: Any) -> None:
    api = make(profile="tiny", rate_limit=1, faults=({"kind": "gone", "rover": "Spirit"},))
    assert api.client.get(f"{V1}/rovers/spirit").status_code == 404
    assert api.client.get(f"{V1}/rovers/spirit").status_code == 429
    api.fault(kind="reset")
    api.client.post("/__sim/clock", json={"advance_hours": 5})
    assert api.client.post("/__sim/reset").json() == {"reset": True}
    state = api.client.get("/__sim/state").json()
    assert [fault["kind"] for fault in state["faults"]] == ["gone"]
    assert state["now"] == "2025-10-07T12:00:00Z"
    assert api.client.get("/__sim/counters").json()["requests"] == 0
    assert api.client.get(f"{V1}/rovers/curiosity").status_code == 200


def test_deleting_faults(tiny: Any) -> None:
    first = tiny.fault(kind="gone")
    tiny.fault(kind="reset")
    assert tiny.client.delete(f"/__sim/faults/{first}").json() == {"removed": first}
    assert tiny.client.delete(f"/__sim/faults/{first}").status_code == 404
    assert tiny.client.delete("/__sim/faults").json() == {"faults": []}


@pytest.mark.parametrize("path", ["/__sim/state", "/__sim/faults"])
def test_control_plane_can_be_switched_off(make: Any, path: str) -> None:
    assert make(profile="tiny", control=False).client.get(path).json()["error"]["code"] == "NOT_FOUND"


def test_health_needs_no_key_and_is_not_logged(tiny: Any) -> None:
    assert tiny.stranger.get("/healthz").json() == {"status": "ok", "profile": "tiny"}
    assert tiny.client.get("/__sim/requests").json()["requests"] == []


def test_more_sols_can_be_shown(tiny: Any) -> None:
    before = tiny.manifest("curiosity")
    answer = tiny.client.post("/__sim/sols", json={"curiosity": "10-12,19"})
    assert answer.status_code == 200
    after = tiny.manifest("curiosity")
    assert [p["sol"] for p in after["photos"]] == [0, 1, 2, 10, 12, 19]  # sol 11 has no photos
    assert after["photos"][:4] == before["photos"]
    assert after["total_photos"] == answer.json()["rovers"]["Curiosity"]["photos"]
    assert len(tiny.photos("curiosity", sol=19)) == after["photos"][-1]["total_photos"]
    tiny.client.post("/__sim/reset")
    assert tiny.manifest("curiosity") == before


def test_sols_that_cannot_be_read_are_told(tiny: Any) -> None:
    assert "Zhurong" in tiny.client.post("/__sim/sols", json={"Zhurong": "1"}).json()["error"]
    for wrong in ("one", "0-999999999", "5-2", "-1"):
        assert tiny.client.post("/__sim/sols", json={"Spirit": wrong}).status_code == 400

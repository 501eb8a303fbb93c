"""The demo against real sources, as far as it goes without the internet."""

import yaml
from mm_contracts.plan import PlanSpec
from mm_contracts.sources import Sources
from mm_hack.demo import LIVE_PLANS, live_plans
from mm_hack.release import CHART


def test_every_rover_of_the_live_plans_has_a_source_that_gives_what_is_asked() -> None:
    values = yaml.safe_load((CHART / "values-live.yaml").read_text())["source"]
    sources = Sources.model_validate(values)
    for plan in yaml.safe_load_all(LIVE_PLANS.read_text()):
        spec = PlanSpec.model_validate(plan["spec"])
        for rover in spec.rovers:
            name, source = sources.pick("", rover.name, spec.dataset)
            assert source.gives(spec.dataset, rover.name), (rover.name, name)
            assert source.base_url.startswith("https://")
            assert source.requests_per_hour is not None


def test_what_became_of_the_live_plans_is_read_from_their_status() -> None:
    failed = {"type": "Failed", "status": "True", "message": "the source no longer has this address"}
    items = [
        {"metadata": {"name": "live-photos"}, "status": {"phase": "Failed", "photos": 7, "conditions": [failed]}},
        {"metadata": {"name": "live-drives"}},
        {"metadata": {"name": "another"}, "status": {"phase": "Complete"}},
    ]
    assert live_plans(items) == [("live-drives", "Pending", 0, ""), ("live-photos", "Failed", 7, failed["message"])]

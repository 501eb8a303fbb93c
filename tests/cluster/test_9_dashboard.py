"""The dashboard of the running release in a real Chromium: pages, buttons, and what it says without the warehouse."""

import json
import re
from collections.abc import Iterator

import pytest
from mm_hack.forward import secret_values
from playwright.sync_api import Browser, expect

from tests.cluster.archive import wait_quiet
from tests.cluster.conftest import NAMESPACE
from tests.cluster.system import System, wait_until
from tests.cluster.test_2_plans import plan
from tests.dashboard.chromium import PATIENCE, chromium, tab

DASHBOARD = "app.kubernetes.io/component=dashboard"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def site(system: System) -> str:
    """The dashboard's address; a way that ended with an earlier pod is opened anew."""
    system.forget_ports("dashboard")
    return f"http://127.0.0.1:{system.port('dashboard', 8000)}"


def test_the_rovers_are_shown_with_what_is_archived_and_their_newest_picture(
    system: System, site: str, browser: Browser
) -> None:
    wait_quiet(system)
    rovers = dict(system.sql("select rover_name, photos_archived from gold.rover_summary where photos_archived > 0"))
    assert rovers
    with tab(browser, site) as opened:
        page = opened.open("/")
        for rover, photos in rovers.items():
            card = page.locator(f'article[aria-labelledby="rover-{rover.lower()}"]')
            expect(card).to_contain_text(f"{photos:,}", timeout=PATIENCE)
            # The simulator draws it; the dashboard fetches it, makes it small and keeps it.
            image = card.locator("img")
            page.wait_for_function("image => image.complete && image.naturalWidth > 300", arg=image.element_handle())
        opened.shot("cluster-overview")
        assert opened.barriers() == []
    kept = system.s3().list_objects_v2(Bucket="mars", Prefix="thumbnails/")["Contents"]
    assert len(kept) >= len(rovers)


def test_every_page_of_the_running_archive_opens(system: System, site: str, browser: Browser) -> None:
    ((rover, sol),) = system.sql(
        "select rover_name, max(sol) from silver.fact_photos where rover_name = 'Curiosity' group by rover_name"
    )
    with tab(browser, site, "phone", "dark") as opened:
        page = opened.open("/sols")
        page.wait_for_selector("#solmap[data-drawn]")
        opened.shot("cluster-sols")
        barriers = opened.barriers()
        page = opened.open(f"/sols/{rover.lower()}/{sol}")
        expect(page.get_by_role("heading", name="How it came here")).to_be_visible()
        barriers += opened.barriers()
        page = opened.open(f"/pictures?rover={rover.lower()}&first={sol}&last={sol}")
        page.locator("#frames .frame").first.click()
        page.wait_for_function("() => document.querySelector('#full')?.naturalWidth > 0")
        opened.shot("cluster-picture")
        barriers += opened.barriers()
        page = opened.open("/route?rover=perseverance")
        expect(page.locator(".route-line").first).to_be_visible()
        barriers += opened.barriers()
        page = opened.open("/work")
        opened.shot("cluster-work")
        assert barriers + opened.barriers() == []


def test_a_visitor_holds_a_plan_lets_it_go_and_deletes_it_and_events_say_who(
    system: System, site: str, browser: Browser
) -> None:
    assert "created" in system.apply(plan("seen", rovers=[{"name": "Curiosity", "sols": ["1-9"]}]))
    token = secret_values(system.kubectl_command, "mars-dashboard")["DASHBOARD_TOKEN"]
    with tab(browser, site) as opened:
        page = opened.open("/sign-in?back=/work/plans/seen")
        page.get_by_label("Your name").fill("Ada of the tests")
        page.get_by_label("The token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        wait_until(lambda: system.phase("seen") == "Complete", "the plan's end")
        page.get_by_role("button", name="Plan like this").click()
        expect(page).to_have_url(re.compile("/work/plans/seen-again-"))
        again = page.url.partition("?")[0].rpartition("/")[2]
        page.get_by_role("button", name="Suspend").click()
        expect(page.get_by_role("status")).to_contain_text("It is suspended")
        assert (system.plan(again) or {})["spec"]["suspend"] is True
        page.get_by_role("button", name="Resume").click()
        wait_until(lambda: system.phase(again) == "Complete", "the resumed plan's end")
        opened.open(f"/work/plans/{again}")
        opened.shot("cluster-plan")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("status")).to_contain_text("The plan is deleted")
        wait_until(lambda: system.plan(again) is None, "the plan to be gone")
        opened.open("/sols/curiosity/1")
        page.get_by_role("button", name="Ask again").click()
        expect(page).to_have_url(re.compile("/work/plans/ask-curiosity-1-"))
        asked = page.url.partition("?")[0].rpartition("/")[2]
        wait_until(lambda: system.phase(asked) == "Complete", "the end of the plan that was asked for")
    told = [
        event["reason"]
        for event in system.get("events")
        if event.get("source", {}).get("component") == "martian-moments-dashboard"
        and event["message"].startswith("Ada of the tests")
    ]
    assert {"Repeated", "Suspended", "Resumed", "Deleted", "Asked"} <= set(told)
    wait_quiet(system)


def test_its_account_can_do_no_more_than_its_buttons(system: System) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:mars-dashboard"

    def may(*what: str) -> bool:
        return system.kubectl("auth", "can-i", *what, account, check=False).strip() == "yes"

    assert may("list", "ingestionplans.martian-moments.io")
    assert may("patch", "ingestionplans.martian-moments.io")
    more = [("get", "secrets"), ("delete", "jobs"), ("delete", "pods"), ("create", "pods"), ("create", "pods/exec")]
    for what in (*more, ("patch", "ingestionplans.martian-moments.io", "--subresource=status")):
        assert not may(*what), what


def test_it_says_that_the_warehouse_is_away_and_heals_by_itself(system: System, site: str, browser: Browser) -> None:
    """Killed with everything it had in memory, it starts beside a warehouse that is away."""
    system.kubectl("scale", "statefulset/mars-warehouse", "--replicas=0")
    try:
        wait_until(
            lambda: not system.get("pods", "-l", "app.kubernetes.io/component=warehouse"), "the warehouse to be gone"
        )
        (old,) = [pod["metadata"]["name"] for pod in system.get("pods", "-l", DASHBOARD)]
        system.kubectl("delete", "pod", old, "--grace-period=0", "--force")
        # The Deployment may not have seen yet that its pod is gone.
        wait_until(
            lambda: [
                pod
                for pod in system.get("pods", "-l", DASHBOARD)
                if pod["metadata"]["name"] != old
                and any(one["ready"] for one in pod["status"].get("containerStatuses", ()))
            ],
            "the new pod to be ready",
        )
        system.forget_ports("dashboard")
        site = f"http://127.0.0.1:{system.port('dashboard', 8000)}"
        with tab(browser, site) as opened:
            page = opened.open("/")
            expect(page.get_by_text("The warehouse does not answer.")).to_be_visible(timeout=PATIENCE)
            expect(page.get_by_text("operator", exact=True)).to_be_visible()
            opened.shot("cluster-warehouse-away")
            system.kubectl("scale", "statefulset/mars-warehouse", "--replicas=1")
            expect(page.locator("article.card").first).to_be_visible(timeout=3 * PATIENCE)
    finally:
        system.kubectl("scale", "statefulset/mars-warehouse", "--replicas=1")
        system.kubectl("rollout", "status", "statefulset/mars-warehouse", "--timeout=180s")
        system.forget_ports("warehouse")
        system._connection = None
    wait_quiet(system)


def test_its_memory_stays_within_what_was_promised(system: System) -> None:
    """All pages were opened: what the process has used at most, by the kernel's own count."""
    command = ["exec", "deploy/mars-dashboard", "--", "cat", "/proc/1/task/1/children"]
    child = system.kubectl(*command).split()[0]
    status = system.kubectl("exec", "deploy/mars-dashboard", "--", "cat", f"/proc/{child}/status")
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])  # type: ignore[index]
    print(json.dumps({"dashboard_peak_mb": peak // 1024}))
    assert peak < 200 * 1024

"""Each page and each action in a real Chromium."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from mm_dashboard import queries
from mm_dashboard.export import MOST_ROWS
from mm_dashboard.filters import read
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.archive import EVIL, LAST, TOKEN, gallery
from tests.dashboard.chromium import PATIENCE, tab
from tests.dashboard.conftest import Site
from tests.unit.dashboard.fake_kube import job, plan

FRAME = "NRB_486265000EDR_F0481570NCAM00323M_"
PAGES = {
    "overview": "/",
    "sols": "/sols",
    "sol": "/sols/curiosity/1000",
    "pictures": "/pictures?rover=curiosity",
    "picture": f"/pictures/curiosity/1000/{FRAME}",
    "route": "/route",
    "work": "/work",
    "plan": "/work/plans/broken",
    "job": "/work/jobs/loop-7f3a-6-1",
    "alerts": "/alerts",
    "letters": "/letters",
    "letter": "/letters/minio-events/0/8",
    "tests": "/tests",
    "lineage": "/lineage",
    "videos": "/videos",
    "sign-in": "/sign-in",
    "lost": "/nowhere",
}


def _sign_in(page: Page, token: str = TOKEN) -> None:
    if page.get_by_label("Your name").count() == 0:
        page.get_by_role("link", name="Sign in to act").click()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("The token").fill(token)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("look", [("desk", "light"), ("phone", "dark")], ids="-".join)
def test_every_page_can_be_used_by_everybody(site: Site, browser: Browser, look: tuple[str, str]) -> None:
    """axe finds nothing serious, no page is wider than the screen, no stranger's word becomes an element."""
    gallery(site.warehouse, PAGES["pictures"], 61)
    barriers: dict[str, object] = {}
    with tab(browser, site.url, *look) as opened:
        for name, path in PAGES.items():
            page = opened.open(path)
            opened.shot(f"{name}-{look[0]}-{look[1]}")
            found = [*opened.barriers(), *(["wider than the screen"] if opened.too_wide() else [])]
            if found:
                barriers[name] = found
            assert page.locator("img[src=x]").count() == 0, name
    assert barriers == {}
    assert EVIL  # is among the texts of several of these pages


def test_the_overview_renews_itself(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open("/")
        expect(page.get_by_text("1 fetching")).to_be_visible()
        page.evaluate("window.sameDocument = true")
        site.kube.put("ingestionplans", plan("brand-new"))
        expect(page.locator('a[href="/work/plans/brand-new"]')).to_be_visible(timeout=PATIENCE)
        assert page.evaluate("window.sameDocument") is True


def test_what_was_read_is_shown_with_its_age_while_the_warehouse_is_away(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open("/")
        expect(page.get_by_role("heading", name="Curiosity")).to_be_visible()
        site.warehouse.away = True
        site.kube.put("jobs", job("mars-transform-2", "transform", "succeeded"))  # so it is asked anew
        expect(page.get_by_text("What you see was read")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_role("heading", name="Curiosity")).to_be_visible()


@pytest.mark.parametrize("site", ["away"], indirect=True)
def test_a_page_stays_useful_while_the_warehouse_is_away(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open("/")
        expect(page.get_by_text("The warehouse does not answer.")).to_be_visible()
        expect(page.locator('a[href="/work/plans/loop-7f3a"]')).to_be_visible()
        opened.shot("warehouse-away")
        assert opened.barriers() == []
        site.warehouse.away = False
        # It heals by itself.
        expect(page.get_by_role("heading", name="Curiosity")).to_be_visible(timeout=PATIENCE)


def test_every_sol_is_a_cell_that_can_be_reached_by_key(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open("/sols")
        page.wait_for_selector("#solmap[data-drawn]")
        assert page.get_attribute("#solmap", "data-drawn") == str(sum(LAST.values()) + len(LAST))
        page.locator('canvas[data-rover="Curiosity"]').focus()
        expect(page.locator("#solmap-said")).to_contain_text("Curiosity, sol 1: complete, 100 of 100 photos")
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        expect(page.locator("#solmap-said")).to_contain_text("sol 11: missing, 0 of 100 photos")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/sols/curiosity/11$"))


def test_a_click_on_a_cell_opens_its_sol(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open("/sols")
        page.wait_for_selector("#solmap[data-drawn]")
        page.locator('canvas[data-rover="Spirit"]').click(position={"x": 8 * 3 + 3, "y": 3})
        expect(page).to_have_url(re.compile("/sols/spirit/3$"))


def test_filters_make_an_address_and_keys_walk_the_gallery(site: Site, browser: Browser) -> None:
    gallery(site.warehouse, "/pictures", 9)
    gallery(site.warehouse, "/pictures?rover=curiosity&first=1000", 9)
    with tab(browser, site.url) as opened:
        page = opened.open("/pictures")
        page.get_by_label("Rover").select_option("curiosity")
        page.get_by_label("first sol").fill("1000")
        page.get_by_role("button", name="Show").click()
        expect(page).to_have_url(re.compile("rover=curiosity.*first=1000"))
        page.locator("#frames .frame").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/pictures/curiosity/1000/NRB_486265001"))
        page.keyboard.press("ArrowLeft")
        expect(page).to_have_url(re.compile(FRAME))


def test_frames_become_a_film(site: Site, browser: Browser) -> None:
    gallery(site.warehouse, "/pictures?camera=NAVCAM", 9)
    with tab(browser, site.url) as opened:
        page = opened.open("/pictures?camera=NAVCAM")
        page.get_by_role("button", name="Play these frames").click()
        expect(page.locator("#player-words")).to_contain_text("3 of 9")
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Close").click()
        expect(page.locator("#player")).to_be_hidden()


def test_a_film_goes_over_all_pages(site: Site, browser: Browser) -> None:
    gallery(site.warehouse, "/pictures?camera=NAVCAM", 61)
    whole, _ = replace(read({"camera": "NAVCAM"}), order="oldest").question(MOST_ROWS, 0)
    site.warehouse.answers[whole] = [*site.warehouse.answers[queries.PHOTOS_OF_SOL]] * 10  # type: ignore[misc]
    with tab(browser, site.url) as opened:
        page = opened.open("/pictures?camera=NAVCAM")
        page.get_by_role("button", name="Play all of these").click()
        expect(page.locator("#player-words")).to_contain_text(" of 90")


def test_a_dead_letter_is_replayed_and_dropped(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open("/letters")
        expect(page.get_by_role("button", name="Replay all")).to_have_count(0)
        _sign_in(page)
        opened.open("/letters/minio-events/0/7")
        page.get_by_role("button", name="Replay").click()
        expect(page.get_by_role("status")).to_contain_text("1 replayed")
        page.get_by_role("button", name="Drop all").click()
        expect(page.get_by_role("status")).to_contain_text("1 dropped")
        expect(page.get_by_text("Nothing lies here.")).to_be_visible()
        page.get_by_role("link", name="Show 2 letters").click()
        expect(page.get_by_role("cell", name="replayed")).to_be_visible()
    assert [value for topic, _, value, _ in site.mail.sent if not topic.endswith(".dlq")] == [b'{"Records": 1}']
    assert [body["reason"] for _, path, body in site.kube.calls if path == "events/" and body] == [
        "Replayed",
        "Dropped",
    ]


def test_the_models_page_runs_in_a_world_of_its_own(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open("/lineage")
        page.locator("iframe").scroll_into_view_if_needed()
        expect(page.frame_locator("iframe").locator("#said")).to_have_text("ran, kept apart!")


def test_a_picture_that_cannot_be_had_is_told_as_that(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open(f"/pictures/curiosity/1000/{FRAME}")
        expect(page.locator("#full-problem")).to_have_text(
            "The picture's address is not at an origin that pictures are fetched from.\n"
        )


def test_a_visitor_signs_in_and_acts(site: Site, browser: Browser) -> None:
    with tab(browser, site.url) as opened:
        page = opened.open("/work/plans/loop-7f3a")
        expect(page.get_by_role("button", name="Suspend")).to_have_count(0)
        _sign_in(page, "wrong")
        expect(page.get_by_role("alert")).to_contain_text("That is not the token.")
        _sign_in(page)
        for verb, said in (
            ("Suspend", "It is suspended"),
            ("Resume", "It goes on."),
            ("Retry", "It is tried again."),
        ):
            page.get_by_role("button", name=verb, exact=True).click()
            expect(page.get_by_role("status")).to_contain_text(said)
        opened.shot("plan-signed-in")
        assert opened.barriers() == []
        page.get_by_role("button", name="Plan like this").click()
        expect(page).to_have_url(re.compile("/work/plans/loop-7f3a-again-"))
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("status")).to_contain_text("The plan is deleted")
        opened.open("/sols/curiosity/1000")
        page.get_by_role("button", name="Ask again").click()
        expect(page).to_have_url(re.compile("/work/plans/ask-curiosity-1000-"))
    events = [
        body["message"] for method, path, body in site.kube.calls if path == "events/" and method == "POST" and body
    ]
    assert len(events) == 6
    assert all(message.startswith("Ada had it") for message in events)

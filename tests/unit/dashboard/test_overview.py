"""The first page: what it shows, what it says when something is away, and what it never does."""

from __future__ import annotations

import re

from mm_dashboard import queries

from .conftest import TEMPLATES, Site
from .fake_kube import job, plan, pod
from .scripted import rover


def test_a_rovers_card_says_what_is_there_and_what_is_missing(site: Site) -> None:
    page = site.client.get("/").text
    for text in ("Curiosity", "19,271", "of 22,153", "656 m", "source failed", "/sols?rover=curiosity"):
        assert text in page
    assert "/thumbnails/curiosity/1000/NRA_486265257EDR_F0481570NCAM00323M_?size=large" in page
    assert "Nothing needs a person." in page


def test_what_runs_and_what_needs_a_person_come_from_kubernetes(site: Site) -> None:
    broken = plan(
        "spirit-11", "Failed", batches={"total": 8, "succeeded": 6, "failed": 2}, finishedAt="2999-01-01T00:00:00Z"
    )
    site.kube.put("ingestionplans", plan("loop-7f3a"), broken)
    site.kube.put("jobs", job("a", "ingest"), job("b", "ingest"), job("c", "transform", "succeeded"))
    site.kube.put("pods", pod("operator"), pod("kafka", ready=False, waiting="back-off pulling image"))
    site.client.app.state.context.cluster.forget()  # type: ignore[attr-defined]
    page = site.client.get("/").text
    assert "2 fetching" in page
    assert "Plan spirit-11 failed" in page
    assert "kafka is not ready" in page
    assert "back-off pulling image" in page
    assert "/work/plans/loop-7f3a" in page


def test_the_warehouse_being_away_is_said_and_kubernetes_is_shown(site: Site) -> None:
    site.warehouse.away = True
    site.kube.put("ingestionplans", plan("loop-7f3a"))
    context = site.client.app.state.context  # type: ignore[attr-defined]
    context.snapshots._entries.clear()
    context.cluster.forget()
    page = site.client.get("/")
    assert page.status_code == 200
    assert "The warehouse does not answer." in page.text
    assert "What Kubernetes knows is shown" in page.text
    assert "loop-7f3a" in page.text
    assert "Nothing needs a person" not in page.text


def test_an_archive_without_tables_is_told_as_one_that_begins(site: Site) -> None:
    site.warehouse.not_built = True
    site.client.app.state.context.snapshots._entries.clear()  # type: ignore[attr-defined]
    page = site.client.get("/").text
    assert "The archive is not built yet." in page


def test_kubernetes_being_away_is_said_and_the_archive_is_shown(site: Site) -> None:
    site.kube.down = True
    site.client.app.state.context.cluster.forget()  # type: ignore[attr-defined]
    page = site.client.get("/").text
    assert "away" in page
    assert "19,271" in page


def test_words_of_strangers_stay_words(site: Site) -> None:
    evil = "<script>alert(1)</script>"
    site.warehouse.answers[queries.ROVERS] = [rover(evil)]
    site.client.app.state.context.snapshots._entries.clear()  # type: ignore[attr-defined]
    page = site.client.get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_every_answer_carries_a_strict_policy(site: Site) -> None:
    for path in ("/", "/nowhere", "/healthz", "/static/x/app.css"):
        answer = site.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert site.client.get("/nowhere").status_code == 404


def test_no_template_has_inline_script_or_style_or_a_strangers_address() -> None:
    inline = re.compile(
        r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)|(?:src|href)=\"(?:https?:)?//", re.I
    )
    templates = sorted(TEMPLATES.rglob("*.html"))
    assert templates
    assert [(path.name, found[0]) for path in templates for found in inline.finditer(path.read_text())] == []


def test_scripts_and_styles_are_pinned_by_their_hash(site: Site) -> None:
    page = site.client.get("/").text
    tags = re.findall(r"<(?:script|link rel=\"stylesheet\")[^>]*>", page)
    assert tags
    assert all('integrity="sha384-' in tag for tag in tags)
    (style,) = re.findall(r'href="(/static/[^"]+\.css)"', page)
    answer = site.client.get(style)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]


def test_all_scripts_together_stay_small() -> None:
    scripts = list((TEMPLATES.parent / "static").glob("*.js"))
    assert scripts
    assert sum(len(path.read_bytes()) for path in scripts) < 40_000

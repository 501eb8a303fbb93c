"""Dead letters, data tests and lineage: what the pages show, and what replaying and dropping does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from mm_contracts.keys import DOCS_PAGE, LINEAGE
from mm_dashboard import queries
from mm_dashboard.deadletters import Kafka, KafkaAway
from mm_dashboard.pages.lineage import broken, runs

from .conftest import Site
from .letterbox import message
from .scripted import AT
from .test_work import TOKEN, _mark, _signed_in


@pytest.fixture
def options() -> dict[str, Any]:
    """Actions are on."""
    return {"actions": True, "token": TOKEN}


def test_letters_are_listed_and_shown_as_the_words_of_strangers(site: Site) -> None:
    site.mail.messages["minio-events"] = [message(3, b'{"a": "<b>"}', why="<i>no</i>"), message(4, b"\xff")]
    page = site.client.get("/letters").text
    assert "/letters/minio-events/0/3" in page
    assert "&lt;i&gt;no&lt;/i&gt;" in page
    assert "2 letters" in page
    one = site.client.get("/letters/minio-events/0/3").text
    for text in ("&#34;a&#34;: &#34;&lt;b&gt;&#34;", "x-of-theirs", "NotJson"):
        assert text in one
    assert "/actions/" not in one
    assert site.client.get("/letters/minio-events/0/9").status_code == 404
    assert site.client.get("/letters/nothing/0/3").status_code == 404


def test_kafka_being_away_is_said(site: Site) -> None:
    site.mail.away = True
    assert "Kafka does not answer." in site.client.get("/letters").text
    assert site.client.get("/letters/minio-events/0/3").status_code == 503


def test_a_replay_publishes_the_message_as_it_was_and_notes_who_asked(site: Site) -> None:
    site.mail.messages["minio-events"] = [message(3, b"one"), message(4, b"two")]
    _signed_in(site)
    mark = _mark(site.client.get("/letters/minio-events/0/3").text)
    form = {"topic": "minio-events", "place": "0/3", "mark": mark}
    assert site.client.post("/actions/replay-letters", data=form).status_code == 200
    (name, key, value, headers), (notes, _, _, said) = site.mail.sent
    assert (name, key, value, headers) == ("team.minio-events", b"key", b"one", {"x-of-theirs": b"kept"})
    assert (notes, said["dlq-by"], said["dlq-done"]) == ("team.minio-events.dlq", b"Ada", b"replayed")
    event = site.kube.calls[-1][2]
    assert event is not None
    assert event["message"] == "Ada had 0/3 of minio-events replayed from the dashboard"
    assert "/letters/minio-events/0/3" not in site.client.get("/letters").text
    all_of_them = {"topic": "minio-events", "mark": mark}
    assert "1 dropped" in site.client.post("/actions/drop-letters", data=all_of_them).text
    assert len([one for one in site.mail.sent if one[0] == "team.minio-events"]) == 1
    assert site.client.post("/actions/drop-letters", data=all_of_them).status_code == 404


def test_a_shortened_letter_is_not_replayed(site: Site) -> None:
    short = message(3, b"begin")
    short.headers["dlq-size"] = b"9000000"
    site.mail.messages["minio-events"] = [short]
    _signed_in(site)
    page = site.client.get("/letters/minio-events/0/3").text
    assert "/actions/replay-letters" not in page
    form = {"topic": "minio-events", "place": "0/3", "mark": _mark(page)}
    assert site.client.post("/actions/replay-letters", data=form).status_code == 409
    assert site.mail.sent == []


def test_letters_are_nobodys_who_is_not_known(site: Site) -> None:
    site.mail.messages["minio-events"] = [message(3, b"one")]
    assert site.client.post("/actions/replay-letters", data={"topic": "minio-events"}).status_code == 401
    _signed_in(site)
    assert site.client.post("/actions/replay-letters", data={"topic": "minio-events"}).status_code == 403
    mark = _mark(site.client.get("/letters/minio-events/0/3").text)
    assert site.client.post("/actions/replay-letters", data={"topic": "their-topic", "mark": mark}).status_code == 400
    assert site.mail.sent == []


def test_a_kafka_that_does_not_answer_is_told_without_its_address() -> None:
    mail = Kafka({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    try:
        with pytest.raises(KafkaAway) as caught:
            asyncio.run(mail.letters("minio-events"))
        assert str(caught.value) == "Kafka does not answer."
        with pytest.raises(KafkaAway, match="KAFKA_BOOTSTRAP_SERVERS is not set"):
            asyncio.run(Kafka({}).letters("minio-events"))
    finally:
        mail.close()


def test_a_test_that_fails_shows_its_rows_and_its_last_runs(site: Site) -> None:
    site.warehouse.answers[queries.TESTS] = [
        {"test_name": "unique_x", "status": "fail", "is_good": False, "failures": 21, "message": "Got 21 results",
         "seconds": 0.2, "run_id": "run-9", "tested_at": AT, "last_passed_at": None,
         "history": "2025-10-07T12:00:00Z fail 21 run-9\n2025-10-07T11:00:00Z pass 0 run-8\n2025-",
         "broken_rows": json.dumps({"columns": ["image_id"], "rows": [["<b>evil"]]})}
    ]  # fmt: skip
    page = site.client.get("/tests").text
    for text in ("unique_x", "&lt;b&gt;evil", "never passed", "2025-10-07T11:00:00Z: pass", "and 20 more"):
        assert text in page


def test_what_is_no_history_and_no_rows_is_none() -> None:
    assert runs(None) == []
    assert [run["run"] for run in runs("2025-10-07T12:00:00Z warn - run-1\n2025-10-07T1")] == ["run-1"]
    assert broken("nonsense") == broken(None) == broken('{"columns": 3}') == ([], [])


def test_each_table_leads_to_what_it_came_from(site: Site) -> None:
    assert "The lineage is not written yet." in site.client.get("/lineage").text
    assert site.client.get("/lineage/models").status_code == 404
    site.store.objects[LINEAGE] = json.dumps(
        [
            {"name": "gold.photos", "layer": "gold", "description": "Pictures.", "from": ["silver.fact_photos"]},
            {"name": "silver.fact_photos", "layer": "silver", "description": "", "from": []},
        ]
    ).encode()
    site.store.objects[DOCS_PAGE] = b"<html><script>1</script></html>"
    site.client.app.state.context.snapshots._entries.clear()  # type: ignore[attr-defined]
    page = site.client.get("/lineage").text
    assert '<a href="#silver.fact_photos">' in page
    assert '<a href="#gold.photos">' in page
    frame = site.client.get("/lineage/models")
    assert frame.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in frame.headers["content-security-policy"] + page

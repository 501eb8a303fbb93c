"""The page that describes the models is made by the loop, kept in the bucket, and served."""

import requests
from mm_contracts.keys import DATASETS, DOCS_PAGE

from tests.cluster.archive import wait_quiet
from tests.cluster.system import System, wait_until


def _page(system: System, **headers: str) -> requests.Response:
    """Return what the server answers; a forward that died with an earlier pod is opened anew."""
    try:
        return requests.get(f"http://127.0.0.1:{system.port('docs', 8000)}/", headers=headers, timeout=30)
    except requests.ConnectionError:
        system.forget_ports("docs")
        return requests.get(f"http://127.0.0.1:{system.port('docs', 8000)}/", headers=headers, timeout=30)


def test_the_page_shows_every_model_of_the_warehouse(system: System) -> None:
    """Models with their columns, and the exposures that name who uses them; the browser asks for it once."""
    page = wait_until(lambda: (p := _page(system)).status_code == 200 and p, "the page of the models")
    rows = system.sql("select table_schema, table_name from information_schema.tables where table_schema != 'BRONZE'")
    names = [name.lower() for schema, name in rows if schema in ("SILVER", "GOLD")]
    assert {"fact_photos", "ingestion_planning", "rover_summary"} <= set(names)
    assert [name for name in names if f'"model.martian_moments.{name}"' not in page.text] == []
    assert '"exposure.martian_moments.dashboard"' in page.text
    assert _page(system, **{"If-None-Match": page.headers["ETag"]}).status_code == 304


def test_the_archive_takes_no_notice_of_the_page(system: System) -> None:
    """It is no object of the archive: no event is sent for it, no sweep looks at it."""
    s3 = system.s3()
    assert set(s3.head_object(Bucket="mars", Key=DOCS_PAGE)["Metadata"]) == {"generated-at", "fingerprint", "content"}
    queues = s3.get_bucket_notification_configuration(Bucket="mars")["QueueConfigurations"]
    prefixes = [rule["Value"] for queue in queues for rule in queue["Filter"]["Key"]["FilterRules"]]
    assert sorted(prefixes) == sorted(f"{dataset}/" for dataset in DATASETS)
    wait_quiet(system)
    for table in ("load_ledger", "set_aside"):
        assert system.sql(f"select count(*) from bronze.{table} where object_key like 'docs/%'") == [(0,)]

"""How data tests went, as the transform Job writes it into the real server."""

from __future__ import annotations

import json

import pytest
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.transform import results
from mm_jobs.transform.dbt import NodeResult

from tests.warehouse.loads import bronze, empty_bronze

BROKEN = """
with numbers as (select column1 as sol, column2 as name from values (7, 'seven'), (8, null))
select sol, name from numbers -- what is wrong
"""


@pytest.mark.usefixtures("published")
def test_a_failed_test_keeps_its_rows_and_every_test_its_last_runs() -> None:
    empty_bronze()
    good = NodeResult("unique_x", "test", "pass", "", 0.1, 0, "select 1 where false")
    bad = NodeResult("of_two", "test", "fail", "Got 2 results", 0.2, 2, BROKEN)
    odd = NodeResult("odd", "test", "error", "no such table", 0.2, 1, "select * from BRONZE.NOWHERE")
    with Client(query_tag="test") as warehouse:
        results.record(warehouse, "run-1", [good, bad, odd])
        ((_, rows),) = [row for row in bronze("TEST_RESULTS", "TEST_NAME, BROKEN_ROWS") if row[0] == "of_two"]
        assert json.loads(str(rows)) == {"columns": ["sol", "name"], "rows": [["7", "seven"], ["8", None]]}
        for number in range(2, 40):
            results.record(warehouse, f"run-{number}", [good, NodeResult("of_two", "test", "pass", "", 0.1, 0, BROKEN)])
    found = {name: (rows, history) for name, rows, history in bronze("TEST_RESULTS", "TEST_NAME, BROKEN_ROWS, HISTORY")}
    assert found["of_two"][0] is None
    assert found["odd"][0] is None
    lines = str(found["of_two"][1]).splitlines()
    assert [line.split(" ")[1:] for line in lines[:2]] == [["pass", "0", "run-39"], ["pass", "0", "run-38"]]
    assert 15 < len(lines) < 40

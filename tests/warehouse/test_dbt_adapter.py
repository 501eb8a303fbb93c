"""What dbt's Snowflake adapter does, run once for real in a small project: each materialization, strategy and check."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.server import Warehouse

PROJECT = {
    "dbt_project.yml": """
name: small
version: "1.0"
profile: small
models:
  +persist_docs: {relation: true, columns: true}
flags: {send_anonymous_usage_stats: false}
""",
    "profiles.yml": """
small:
  target: embedded
  outputs:
    embedded:
      type: snowflake
      account: "{{ env_var('SNOWFLAKE_ACCOUNT') }}"
      user: "{{ env_var('SNOWFLAKE_USER') }}"
      password: "{{ env_var('SNOWFLAKE_PASSWORD') }}"
      host: "{{ env_var('SNOWFLAKE_HOST') }}"
      port: "{{ env_var('SNOWFLAKE_PORT') | as_number }}"
      protocol: "{{ env_var('SNOWFLAKE_PROTOCOL') }}"
      role: R
      warehouse: W
      database: MARS
      schema: SMALL
      threads: 4
      query_tag: dbt-small
""",
    "seeds/rovers.csv": "id,name,landed\n5,Curiosity,2012-08-06\n8,Perseverance,2021-02-18\n",
    "models/base.sql": "select 1 as id, 'a' as kind, '2024-01-01'::timestamp_ntz as seen union all "
    "select {{ var('run', 1) }} + 1, 'b', '2024-01-02'::timestamp_ntz",
    "models/a_table.sql": "{{ config(materialized='table', transient=true, cluster_by=['id']) }} "
    "select id, kind, seen from {{ ref('base') }}",
    "models/by_merge.sql": "{{ config(materialized='incremental', unique_key='id', "
    "merge_exclude_columns=['first_run']) }} select id, kind, {{ var('run', 1) }} as first_run, "
    "{{ var('run', 1) }} as last_run from {{ ref('base') }}",
    "models/by_delete.sql": "{{ config(materialized='incremental', unique_key=['id', 'kind'], "
    "incremental_strategy='delete+insert') }} select id, kind, {{ var('run', 1) }} as run from {{ ref('base') }}",
    "models/by_append.sql": "{{ config(materialized='incremental', incremental_strategy='append') }} "
    "select id, {{ var('run', 1) }} as run from {{ ref('base') }}",
    "models/by_batches.sql": "{{ config(materialized='incremental', incremental_strategy='microbatch', "
    "event_time='seen', begin='2024-01-01', batch_size='day') }} select id, seen from {{ ref('base') }}",
    "models/growing.sql": "{{ config(materialized='incremental', unique_key='id', "
    "on_schema_change='append_new_columns') }} select id {% if var('run', 1) == 2 %}, 'new' as added {% endif %} "
    "from {{ ref('base') }}",
    "models/contracted.sql": "{{ config(materialized='table', cluster_by=['id']) }} "
    "with source as (select * from {{ ref('base') }}) select id, kind, seen from source",
    "snapshots/history.sql": "{% snapshot history %}{{ config(target_schema='SMALL', unique_key='id', "
    "strategy='check', "
    "check_cols=['kind']) }} select 1 as id, 'kind {{ var('run', 1) }}' as kind{% endsnapshot %}",
    "models/schema.yml": """
models:
  - name: base
    description: A view's description, with 'quotes'.
    config: {event_time: seen}
    columns:
      - {name: id, description: It's the key., data_tests: [not_null, unique]}
  - name: by_merge
    description: One row per id.
    columns: [{name: id, data_tests: [unique]}]
  - name: a_table
    description: A table.
    columns: [{name: id, data_tests: [{relationships: {arguments: {to: ref('base'), field: id}}}]}]
  - name: contracted
    description: A table with a contract.
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: number, description: The id., constraints: [{type: not_null}, {type: primary_key}]}
      - {name: kind, data_type: varchar, data_tests: [{accepted_values: {arguments: {values: [a, b]}}}]}
      - {name: seen, data_type: timestamp_ntz}
unit_tests:
  - name: merge_keeps_ids
    model: by_merge
    overrides: {macros: {is_incremental: false}}
    given:
      - {input: ref('base'), rows: [{id: 7, kind: x, seen: '2024-05-06 07:08:09'}, {id: 8, kind: null, seen: null}]}
    expect: {rows: [{id: 7, kind: x}, {id: 8, kind: null}]}
""",
}


WITHOUT_BATCHES = ("--exclude", "by_batches")
"""A microbatch model runs once per day since its beginning, unless told between which days."""


class Dbt:
    """dbt on the project, in this process, as the transform Job runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, run: int = 1) -> dict[str, str]:
        """Run a command; the status of each node by its name."""
        from dbt.cli.main import dbtRunner

        where = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        result = dbtRunner().invoke([*arguments, *where, "--vars", json.dumps({"run": run})])
        assert result.exception is None, result.exception
        nodes: list[Any] = list(getattr(result.result, "results", []))
        failed = {node.node.name: node.message for node in nodes if node.status in ("error", "fail")}
        assert result.success, failed
        return {node.node.name: str(node.status) for node in nodes if getattr(node, "node", None)}

    def catalog(self) -> dict[str, Any]:
        """What `dbt docs generate` wrote."""
        nodes = json.loads((self.folder / "target" / "catalog.json").read_text())["nodes"]
        return {name.rpartition(".")[2]: node for name, node in nodes.items()}


@pytest.fixture(scope="module")
def dbt(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """The project after its first build."""
    folder = tmp_path_factory.mktemp("dbt")
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**warehouse.env(), "DO_NOT_TRACK": "1"}.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        dbt = Dbt(folder)
        statuses = dbt("build", *WITHOUT_BATCHES)
        assert set(statuses.values()) <= {"success", "pass"}
        assert {"base", "a_table", "by_merge", "rovers", "history", "merge_keeps_ids"} <= set(statuses)
        yield dbt
        with warehouse.connect() as connection:
            connection.cursor().execute("drop schema if exists MARS.SMALL")


@pytest.fixture(scope="module")
def second_run(dbt: Dbt) -> Dbt:
    """The project after its second build, of partly other rows."""
    dbt("build", *WITHOUT_BATCHES, run=2)
    return dbt


def rows(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement, in schema SMALL."""
    with warehouse.connect(schema="SMALL") as connection:
        return list(connection.cursor().execute(sql).fetchall())  # type: ignore[union-attr, arg-type]


@pytest.mark.usefixtures("second_run")
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select id, first_run, last_run from by_merge order by 1", [(1, 1, 2), (2, 1, 1), (3, 2, 2)]),
        ("select id, run from by_delete order by 1", [(1, 2), (2, 1), (3, 2)]),
        ("select id, run from by_append order by 2, 1", [(1, 1), (2, 1), (1, 2), (3, 2)]),
        ("select id, added from growing order by 1", [(1, "new"), (2, None), (3, "new")]),
        ("select kind, dbt_valid_to is null from history order by 1", [("kind 1", False), ("kind 2", True)]),
        ("select name, landed from rovers where id = 8", [("Perseverance", dt.date(2021, 2, 18))]),
        ("select count(*) from a_table", [(2,)]),
    ],
)
def test_second_run_ends_in_the_right_rows(warehouse: Warehouse, sql: str, expected: list[tuple[Any, ...]]) -> None:
    assert rows(warehouse, sql) == expected


def test_microbatches_are_complete(dbt: Dbt, warehouse: Warehouse) -> None:
    dbt("run", "--select", "by_batches", "--event-time-start", "2024-01-01", "--event-time-end", "2024-01-03")
    assert rows(warehouse, "select count(*), count(distinct id) from by_batches") == [(2, 2)]


def test_nothing_temporary_is_left(dbt: Dbt, warehouse: Warehouse) -> None:
    del dbt
    names = rows(warehouse, "select table_name from information_schema.tables where table_name ilike '%dbt_tmp%'")
    assert names == []


def test_failing_test_fails_the_run(dbt: Dbt, warehouse: Warehouse) -> None:
    rows(warehouse, "insert into by_merge (id) values (1)")
    with pytest.raises(AssertionError, match="unique_by_merge_id"):
        dbt("test", "--select", "by_merge,test_type:data")
    rows(warehouse, "delete from by_merge where kind is null")


def test_catalog_has_tables_and_views_with_their_docs(dbt: Dbt) -> None:
    dbt("docs", "generate")
    catalog = dbt.catalog()
    assert catalog["base"]["metadata"]["type"] == "VIEW"
    assert catalog["base"]["metadata"]["comment"] == "A view's description, with 'quotes'."
    assert catalog["base"]["columns"]["ID"]["comment"] == "It's the key."
    assert catalog["contracted"]["metadata"]["type"] == "BASE TABLE"
    assert {name: c["type"] for name, c in catalog["contracted"]["columns"].items()} == {
        "ID": "NUMBER",
        "KIND": "TEXT",
        "SEEN": "TIMESTAMP_NTZ",
    }

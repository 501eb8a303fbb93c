"""dbt's documentation as one page: what it holds of the project and of the tables, for somebody who reads it.

dbt's own files say more than a reader can look through, and one thing wrongly: tests would be half of the
graph's nodes, and a row count is what the warehouse guesses, deleted rows and all. Pure, but for `row_counts`.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mm_jobs.common.warehouse import Warehouse

_TABLES: Final = """
select TABLE_SCHEMA, TABLE_NAME from INFORMATION_SCHEMA.TABLES
where TABLE_SCHEMA in ('BRONZE', 'SILVER', 'GOLD') and TABLE_TYPE = 'BASE TABLE' order by 1, 2
"""
_MANIFEST: Final = '"MANIFEST.JSON INLINE DATA"'
_CATALOG: Final = '"CATALOG.JSON INLINE DATA"'

Document = dict[str, Any]
Counts = Mapping[tuple[str, str], int]
"""Rows by (schema, table), both in capitals."""


class Written(NamedTuple):
    """The page, and the lineage alone for who draws it differently."""

    page: bytes
    lineage: bytes


def lineage(manifest: Document) -> bytes:
    """Return each table and what it came from, as JSON: a list of {name, layer, description, from}, names with schema.

    Layers are the folders of the models, and bronze for what they are made of.
    """
    tables = {
        key: node
        for key, node in {**manifest["nodes"], **manifest["sources"]}.items()
        if node["resource_type"] in ("model", "source", "seed", "snapshot")
    }
    names = {key: f"{node['schema']}.{node['name']}".lower() for key, node in tables.items()}
    listed = [
        {
            "name": names[key],
            "layer": "bronze" if node["resource_type"] == "source" else str(node["fqn"][1]),
            "description": " ".join(str(node.get("description") or "").split()),
            "from": sorted(names[one] for one in manifest["parent_map"].get(key, []) if one in names),
        }
        for key, node in tables.items()
    ]
    return json.dumps(sorted(listed, key=lambda one: str(one["name"]))).encode()


def row_counts(warehouse: Warehouse) -> Counts:
    """Count the rows of every stored table; both warehouses know the numbers without a scan. Raises JobError."""
    tables = [(str(schema), str(name)) for schema, name in warehouse.run(_TABLES)]
    if not tables:
        return {}
    counted = " union all ".join(f"select '{s}', '{n}', count(*) from \"{s}\".\"{n}\"" for s, n in tables)
    return {(str(schema), str(name)): int(count) for schema, name, count in warehouse.run(counted)}


def readable(manifest: Document) -> Document:
    """Return a project's manifest without the tests that the graph would show: those of no column of one model."""
    hidden = {key for key, node in manifest["nodes"].items() if _is_singular_test(node)} | set(manifest["unit_tests"])
    kept = {key: value for key, value in manifest.items() if key != "unit_tests"}
    kept["nodes"] = {key: node for key, node in manifest["nodes"].items() if key not in hidden}
    for lineage in ("parent_map", "child_map"):
        kept[lineage] = {
            key: [other for other in others if other not in hidden]
            for key, others in manifest[lineage].items()
            if key not in hidden
        }
    return kept | {"unit_tests": {}}


def _is_singular_test(node: Document) -> bool:
    return node["resource_type"] == "test" and not node.get("test_metadata")


def counted(catalog: Document, counts: Counts) -> Document:
    """Return a catalog whose tables have these numbers of rows; of a table that was not counted it tells none."""
    for table in [*catalog["nodes"].values(), *catalog["sources"].values()]:
        stats, metadata = table["stats"], table["metadata"]
        rows = counts.get((str(metadata["schema"]).upper(), str(metadata["name"]).upper()))
        if "row_count" in stats:
            stats["row_count"] |= {
                "value": rows,
                "include": rows is not None,
                "description": "Rows when this page was made",
            }
    return catalog


def composed(index: str, manifest: Document, catalog: Document) -> bytes:
    """Return the page: dbt's, with both documents in it, so that it needs no other file.

    Raises:
        ValueError: dbt's page has no place for one of them; another version of dbt needs another look.
    """
    for place in (_MANIFEST, _CATALOG):
        if index.count(place) != 1:
            raise ValueError(f"dbt's page has no place for {place}")
    # In a script "</" would end it.
    manifest_text, catalog_text = (json.dumps(one).replace("</", "<\\/") for one in (manifest, catalog))
    return index.replace(_MANIFEST, manifest_text).replace(_CATALOG, catalog_text).encode()

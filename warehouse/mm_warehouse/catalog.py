"""The information schema's views where fakesnow's do not tell all.

TABLES lists only base tables, so `dbt docs generate` finds no view in the catalog; and COLUMNS does not know the wide
integers that sums are made of, so their columns had no type of Snowflake's. A table's size and its last change are not
known here: NULL says so, and documentation leaves them out. Sessions' private schemas (see `dialect.temporary`) are
left out.
"""

from __future__ import annotations

from fakesnow import info_schema

from mm_warehouse.dialect.temporary import SCHEMA_PREFIX

_TABLES = """
CREATE OR REPLACE VIEW "{db}"._fs_information_schema._fs_tables AS
WITH relations AS (
    SELECT database_name, schema_name, table_name, 'BASE TABLE' AS table_type, estimated_size AS row_count,
           comment AS own_comment
    FROM duckdb_tables() WHERE database_name = '{db}'
    UNION ALL
    SELECT database_name, schema_name, view_name, 'VIEW', NULL, comment
    FROM duckdb_views() WHERE database_name = '{db}' AND NOT internal
)
SELECT
    database_name AS "TABLE_CATALOG", schema_name AS "TABLE_SCHEMA", table_name AS "TABLE_NAME",
    'SYSADMIN' AS "TABLE_OWNER", table_type AS "TABLE_TYPE", 'NO' AS "IS_TRANSIENT",
    NULL::VARCHAR AS "CLUSTERING_KEY", row_count AS "ROW_COUNT", NULL::BIGINT AS "BYTES", 1 AS "RETENTION_TIME",
    NULL::VARCHAR AS "SELF_REFERENCING_COLUMN_NAME", NULL::VARCHAR AS "REFERENCE_GENERATION",
    NULL::VARCHAR AS "USER_DEFINED_TYPE_CATALOG", NULL::VARCHAR AS "USER_DEFINED_TYPE_SCHEMA",
    NULL::VARCHAR AS "USER_DEFINED_TYPE_NAME", 'YES' AS "IS_INSERTABLE_INTO", 'YES' AS "IS_TYPED",
    NULL::VARCHAR AS "COMMIT_ACTION", to_timestamp(0)::TIMESTAMPTZ AS "CREATED",
    NULL::TIMESTAMPTZ AS "LAST_ALTERED", to_timestamp(0)::TIMESTAMPTZ AS "LAST_DDL",
    'SYSADMIN' AS "LAST_DDL_BY", 'NO' AS "AUTO_CLUSTERING_ON", coalesce(ext.comment, own_comment) AS "COMMENT",
    'NO' AS "IS_TEMPORARY", 'NO' AS "IS_ICEBERG", 'NO' AS "IS_DYNAMIC", 'NO' AS "IS_IMMUTABLE", 'NO' AS "IS_HYBRID"
FROM relations
LEFT JOIN _fs_global._fs_information_schema._fs_tables_ext AS ext
    ON database_name = ext.ext_table_catalog AND schema_name = ext.ext_table_schema
    AND table_name = ext.ext_table_name
WHERE schema_name NOT IN ('_fs_information_schema', 'information_schema', 'pg_catalog')
  AND NOT starts_with(schema_name, '{prefix}')
"""


_INTEGERS = "columns.data_type IN ('BIGINT', 'HUGEINT', 'UBIGINT', 'UHUGEINT', 'INTEGER', 'SMALLINT', 'TINYINT')"


def global_views_sql() -> str:
    """SQL that redefines the views that all databases share; to be run after fakesnow's own."""
    stock = str(info_schema.SQL_CREATE_GLOBAL_INFORMATION_SCHEMA_COLUMNS_VIEW)
    own = stock.replace("create view if not exists", "create or replace view").replace(
        "columns.data_type='BIGINT'", _INTEGERS
    )
    return own


def views_sql(database: str) -> str:
    """SQL that (re)defines the information-schema views of `database`; to be run after fakesnow's own."""
    return _TABLES.format(db=database, prefix=SCHEMA_PREFIX)

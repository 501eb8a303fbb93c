"""The embedded warehouse: Snowflake's wire protocol over DuckDB."""

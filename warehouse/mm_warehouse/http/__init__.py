"""The HTTP side: Snowflake's REST protocol as its Python connector and dbt's adapter use it."""

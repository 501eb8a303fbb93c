"""The Jobs: ingest from a source into the bucket, load into the warehouse, transform with dbt."""

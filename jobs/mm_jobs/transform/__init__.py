"""Transform: run dbt over bronze, find what the archive still lacks, and schedule it."""

"""Ingest: one rover's batch of sols (or its manifest, or its drives) from a source into one object of the bucket."""

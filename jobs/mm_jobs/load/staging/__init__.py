"""Ways for documents to get into bronze's tables: files that the load stages, or the bucket as an external stage."""

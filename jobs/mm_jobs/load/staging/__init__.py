"""Ways for documents to get into bronze's tables."""

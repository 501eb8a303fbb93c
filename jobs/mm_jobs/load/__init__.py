"""Load: objects of the bucket into bronze, each once per content, in one transaction with its ledger."""

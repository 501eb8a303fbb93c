"""What must differ from stock fakesnow for the same SQL to mean the same: one module per difference."""

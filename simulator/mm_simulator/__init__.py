"""A deterministic, offline stand-in for NASA's Mars Photos API, its gateway and the MMGIS traverse routes."""

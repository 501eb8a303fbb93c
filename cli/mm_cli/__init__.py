"""The command line: publish schedules, replay dead letters, look at the archive."""

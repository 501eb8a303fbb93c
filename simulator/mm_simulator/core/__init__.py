"""What the rovers did: pure functions of the seed, with no clock, network or environment."""

"""A fair comparison: the same queries for every system, scored, with intervals that mean what they say."""

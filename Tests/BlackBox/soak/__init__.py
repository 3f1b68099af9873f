"""A long run against the shipped binary: what happened is recorded, and a checker decides from the record alone."""

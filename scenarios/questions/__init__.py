"""One file per question. Each has a `SCENARIO`."""

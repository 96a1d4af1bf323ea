"""One file a question. Each has a `SCENARIO`."""

"""Questions about a network, one file per question."""

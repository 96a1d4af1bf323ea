"""What can be found out about a network: one file a question."""

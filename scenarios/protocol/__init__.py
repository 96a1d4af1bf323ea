"""The protocol of a fair comparison: what a scenario is, how it is run, and what is kept."""

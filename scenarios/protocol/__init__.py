"""How a fair comparison is made: what a scenario is, how it is run, and what is kept."""

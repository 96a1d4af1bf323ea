"""Made-up results of a scenario."""

import math

import pandas as pd

from scenarios import SCENARIOS, Results


def made_up(scenario, accuracies, tables=None, **columns):
    """Make results of two epochs: test accuracies as variant -> one per seed, NaN for diverged; other columns too.

    The scenario may be given by its name.
    """
    rows = [
        {
            "variant": name,
            "seed": seed,
            "epoch": epoch,
            "loss": 1.0 / epoch,
            "accuracy": value,
            "test_loss": 1.0,
            "test_accuracy": value * epoch / 2,
            "seconds": 1.0,
            "learning_rate": 0.1,
            "diverged": math.isnan(value),
            "kept": epoch == 2,
        }
        | {column: given[name][seed] for column, given in columns.items()}
        for name, values in accuracies.items()
        for seed, value in enumerate(values)
        for epoch in (1, 2)
    ]
    scenario = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
    return Results(scenario, pd.DataFrame(rows), tables or {})

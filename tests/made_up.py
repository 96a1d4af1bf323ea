"""Results of a scenario that nobody ran."""

import math

import pandas as pd

from scenarios import Results


def made_up(scenario, accuracies):
    """Results with the given final test accuracies: variant -> one a seed; NaN for diverged."""
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
        for name, values in accuracies.items()
        for seed, value in enumerate(values)
        for epoch in (1, 2)
    ]
    return Results(scenario, pd.DataFrame(rows))

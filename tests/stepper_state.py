"""The whole state of a stepper, for bit-by-bit comparison."""

import json


def state(stepper):
    """Return everything that undo must restore, as bytes and text: network, optimizer, streams, place in the data."""
    net = stepper.network
    return {
        "arrays": {name: array.tobytes() for name, array in net.arrays().items()},
        "optimizer": json.dumps([net.optimizer.config(), net.optimizer.scalars()]),
        "streams": {purpose: str(rng.bit_generator.state) for purpose, rng in net.streams.items()},
        "interventions": json.dumps(net.config()["interventions"]),
        "place": (
            None if stepper.batches.order is None else stepper.batches.order.tobytes(),
            *stepper.batches.place[1:],
        ),
        "losses": list(stepper.losses),
    }

"""The loops that call the kernels of a table, for one thread or for each of several. They are compiled too."""

from __future__ import annotations

from typing import Any

from .instructions import call, call_with, count_up, look_at
from .machine import jitable

NUMBERS = 30  # numbers per line of a table: three for each argument
# A waiting thread checks for about half a millisecond before it rests and leaves the processor to others.  This is
# longer than the other threads need for their part, and shorter than the time slice of another program
PATIENCE = 500_000  # checks
REST = 20  # microseconds
ARRIVED, GIVE_WAY, END, START, LOOK, STOP = range(6)  # in `shared`: see `Table`


@jitable
def meet(shared: Any, of: Any, met: Any) -> Any:
    """Wait until all threads are here, and return how many times they have met."""
    address = shared.ctypes.data
    count_up(address + 8 * ARRIVED)
    looks = 0
    while look_at(address + 8 * ARRIVED) < (met + 1) * of and look_at(address + 8 * END) == 0:
        looks += 1
        if looks > PATIENCE and shared[GIVE_WAY] != 0:
            call_with(shared[GIVE_WAY], REST)
    return met + 1


@jitable
def lines(
    kernels: Any, waits: Any, numbers: Any, like: Any, first: Any, last: Any, shared: Any, me: Any, of: Any, met: Any
) -> Any:
    """Call the kernels of some lines, and return how many times the threads have met.

    Do part `me` of each line. If `me` is -1, do all parts, one after the other: one thread does all the work.
    """
    for k in range(first, last):
        if me < 0:
            for part in range(of):
                call(kernels[k], numbers + 8 * NUMBERS * k, like, part, of)
        else:
            if waits[k] != 0 and of > 1:
                met = meet(shared, of, met)
            call(kernels[k], numbers + 8 * NUMBERS * k, like, me, of)
    return met


def steps(
    kernels: Any, waits: Any, numbers: Any, like: Any, middle: Any, size: Any, rates: Any, now: Any, result: Any,
    done: Any, shared: Any, me: Any, of: Any,
) -> None:  # fmt: skip
    """Take one training step per row of `rates`, but stop after a loss that is not finite.

    The first four arguments are those of the table. `middle` is the line where its backward pass begins, and `size` is
    B. A row of `rates` holds the numbers of one update and is copied into `now`. The kernels leave the loss and the
    right predictions in `result`, and they become a row of `done`. ``shared[START]`` is the place in the epoch where
    the batch begins. After each step ``shared[LOOK]`` is called, if it is a function; the run ends if it returns 1.
    `me` is the number of the thread, or -1 for one thread that does all the work.
    """
    met = 0
    for s in range(rates.shape[0]):
        if me <= 0:
            for k in range(now.shape[0]):
                now[k] = rates[s, k]
        met = lines(kernels, waits, numbers, like, 0, middle, shared, me, of, met)
        if me >= 0 and of > 1:
            met = meet(shared, of, met)
        loss = result[0]
        if me <= 0:
            done[s, 0] = loss
        if loss - loss != 0.0 or shared[END] != 0:
            return
        met = lines(kernels, waits, numbers, like, middle, kernels.shape[0], shared, me, of, met)
        if me >= 0 and of > 1:
            met = meet(shared, of, met)
        if me <= 0:
            done[s, 1] = result[1]
            shared[START] += size
            if shared[LOOK] != 0:
                shared[STOP] = call_with(shared[LOOK], s)
        if me >= 0 and of > 1:
            met = meet(shared, of, met)
        if shared[STOP] != 0:
            return


def once(kernels: Any, waits: Any, numbers: Any, like: Any, shared: Any, me: Any, of: Any) -> None:
    """Run all lines of a table; `me` and `of` are as in `steps`."""
    lines(kernels, waits, numbers, like, 0, kernels.shape[0], shared, me, of, 0)

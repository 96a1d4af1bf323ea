"""Where the runs of a scenario are computed: in this process, in several, or on a Dask cluster.

Each is a context manager that gives a `Pool`: something to submit tasks to.  The data are handed over once, when it is
opened, and not with every task.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

from tqdm import tqdm

from neurosim.errors import NeurosimError
from neurosim.processors import one_blas_thread

MAX_PROCESSES = 61  # that Windows can wait for
PATIENCE = 5.0  # seconds that a cluster's scheduler has for its first answer


class Pool(NamedTuple):
    """Something that performs tasks."""

    submit: Callable[[Any], Future[str]]
    slots: int  # how many tasks to hand over at once, so that no worker has to wait


Perform = Callable[[Any, Any], str]  # (task, data) -> JSON
Executor = Callable[[Perform, Any], AbstractContextManager[Pool]]


@contextmanager
def in_process(perform: Perform, data: Any) -> Iterator[Pool]:
    """Perform every task here, as soon as it is submitted."""

    def submit(task: Any) -> Future[str]:
        future: Future[str] = Future()
        future.set_result(perform(task, data))
        return future

    yield Pool(submit, 1)


# -- several processes -----------------------------------------------------------------------------------------------

_work: Callable[[Any], str]  # in a worker: what to do with a task


@contextmanager
def processes(perform: Perform, data: Any, jobs: int) -> Iterator[Pool]:
    """Perform up to `jobs` tasks at once, each in a process of its own.

    Raises:
        NeurosimError: a process was ended from outside.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin, (perform, data))
    with one_blas_thread():
        try:
            yield Pool(lambda task: pool.submit(_do, task), 2 * jobs)
        except BaseException as error:  # nobody waits for what the workers still do
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.kill()  # it leaves signals to this process
            if isinstance(error, BrokenProcessPool):
                raise NeurosimError(
                    "a worker process ended unexpectedly; what is finished is kept. Was it short of memory? Use fewer "
                    '--jobs. A script of your own has to stand under: if __name__ == "__main__":'
                ) from None
            raise
        finally:
            pool.shutdown()


def _begin(perform: Perform, data: Any) -> None:
    """Make a worker ready: keep the data, leave signals to the parent, and end with it however it ends."""
    global _work
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # which a terminal, or a service, sends to all of its processes
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system, which would outlive a worker that is ended
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _work = lambda task: perform(task, data)  # noqa: E731


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _do(task: Any) -> str:
    return _work(task)


# -- a cluster -------------------------------------------------------------------------------------------------------


@contextmanager
def dask(perform: Perform, data: Any, scheduler: str) -> Iterator[Pool]:
    """Perform the tasks on a Dask cluster, whose workers need the same neurosim.

    Args:
        perform: what to do with a task.
        data: sent to every worker once.
        scheduler: where the cluster's scheduler listens, e.g. "tcp://10.0.0.1:8786".

    Raises:
        NeurosimError: the package is not installed, the scheduler does not answer, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise NeurosimError(
            "--executor dask: expected the package distributed, which is not installed; "
            "install it with: pip install distributed"
        ) from None
    if not re.fullmatch(r"(tcp|tls|ws|wss)://\S+:\d+", scheduler):
        raise NeurosimError(f"--scheduler: expected an address such as tcp://10.0.0.1:8786, received {scheduler!r}")
    try:
        client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, asyncio.TimeoutError) as error:  # in Python 3.10 the two differ
        raise NeurosimError(
            f"--scheduler: expected a Dask scheduler that answers within {PATIENCE:g} seconds at "
            f"{scheduler!r}, received {type(error).__name__}; start one with: dask scheduler"
        ) from None
    with client:
        slots = sum(client.nthreads().values())
        if slots == 0:
            raise NeurosimError(
                f"--scheduler: expected workers at {scheduler!r}, found none; start some with: dask worker {scheduler}"
            )
        (everywhere,) = client.scatter([data], broadcast=True)
        executor = client.get_executor(pure=False)
        try:
            yield Pool(lambda task: executor.submit(perform, task, everywhere), 2 * slots)
        finally:
            executor.shutdown(wait=False)  # cancels what is not done

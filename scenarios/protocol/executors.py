"""Where the runs of a scenario are computed: in this process, in several, or on a Dask cluster.

Each is a context manager that gives a `Pool`: something to submit tasks to.  The data are handed over once, when it is
opened, and not with every task.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from ctypes import c_byte
from functools import partial
from multiprocessing.sharedctypes import RawArray
from typing import Any, NamedTuple, TypeVar

from tqdm import tqdm

from neurosim.errors import NeurosimError
from neurosim.processors import one_blas_thread
from neurosim.signals import SIGNALS, signals_wait

from .clock import Done, Work, timed

T = TypeVar("T")

MAX_PROCESSES = 61  # that Windows can wait for
PATIENCE = 5.0  # seconds that a cluster's scheduler has for its first answer
SILENCE = 30.0  # seconds without a word of any worker, after which a cluster is lost


class Pool(NamedTuple):
    """Something that performs tasks."""

    submit: Callable[[Work], Future[Done]]
    slots: int  # how many tasks to hand over at once, so that no worker has to wait


Executor = Callable[[Any], AbstractContextManager[Pool]]  # given the data


@contextmanager
def in_process(data: Any) -> Iterator[Pool]:
    """Perform every task here, as soon as it is submitted."""
    yield Pool(partial(_here, data), 1)


def _here(data: Any, task: Work) -> Future[Done]:
    future: Future[Done] = Future()
    future.set_result(timed(task, data))
    return future


# -- several processes -----------------------------------------------------------------------------------------------

_data: Any  # in a worker


@contextmanager
def processes(data: Any, jobs: int) -> Iterator[Pool]:
    """Perform up to `jobs` tasks at once, each in its own process; if none can be started, in this one.

    Raises:
        NeurosimError: a process was ended from outside.
    """
    if not _has_folder():
        with in_process(data) as here:
            yield here
        return
    others = set(multiprocessing.active_children())
    forks = _is_safe_to_fork()
    context = multiprocessing.get_context("fork" if forks else "spawn")
    pool = ProcessPoolExecutor(jobs, context, _begin, (data,) if forks else _shared(data))
    with one_blas_thread():
        try:
            if forks:
                _submit(pool, os.getpid)  # all workers start with the first task: now, before there is another thread
            yield Pool(partial(_submit, pool, _do), 2 * jobs)
        except BaseException as error:  # the workers' other results are not needed
            pool.shutdown(wait=False, cancel_futures=True)
            workers = set(multiprocessing.active_children()) - others
            for process in workers:
                process.kill()  # it leaves signals to this process
            for process in workers:
                process.join()  # until then it holds the locks of the files that it has half written
            if isinstance(error, BrokenProcessPool):
                raise NeurosimError(
                    "a worker process ended unexpectedly; finished runs are kept. If memory was short, use fewer "
                    '--jobs. In your own script, the call has to stand under: if __name__ == "__main__":'
                ) from None
            raise
        finally:
            pool.shutdown()


def _is_safe_to_fork() -> bool:
    """Return whether this process has a single thread; only Linux tells. A fork has all imports and the data.

    Another thread could hold a lock at that moment, which would never be released in the new process.
    """
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _shared(data: Any) -> tuple[bytes, list[Any]]:
    """Return data for a worker: a pickle, and its arrays in memory that all processes share.

    The memory has no name that could outlive the processes, and a worker gets only a handle of it. So this process
    need not wait until a worker that starts has taken the data.
    """
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(data, 5, buffer_callback=buffers.append)
    arrays = []
    for each in buffers:
        with each.raw() as view:
            arrays.append(RawArray(c_byte, view.nbytes))
            memoryview(arrays[-1]).cast("B")[:] = view
    return head, arrays


def _submit(pool: ProcessPoolExecutor, function: Callable[..., T], *arguments: Any) -> Future[T]:
    """Hand over a call. A signal is answered afterwards: a worker that is half started would complain.

    A worker that is started here blocks signals from its first moment on.
    """
    with signals_wait():
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS) if hasattr(signal, "pthread_sigmask") else None
        try:
            return pool.submit(function, *arguments)
        finally:
            if masked is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _has_folder() -> bool:
    """Return whether the current folder exists: without it, no process can be started."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _begin(data: Any, arrays: list[Any] | None = None) -> None:
    """Make a worker ready: keep the data, leave signals to the parent, and end with it however it ends.

    Args:
        data: they themselves, or a pickle of them without their arrays.
        arrays: those, as `_shared` gives them.
    """
    global _data
    for number in SIGNALS:  # which a terminal, or a service, sends to all of its processes
        signal.signal(number, signal.SIG_IGN)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system, which would outlive a worker that is ended
    threading.Thread(target=_end_with_parent, daemon=True).start()
    atexit.register(os._exit, 0)  # its modules need not be taken apart, which takes as long as importing them
    if arrays is not None:
        data = pickle.loads(data, buffers=[memoryview(each).cast("B").toreadonly() for each in arrays])
    _data = data


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _do(task: Work) -> Done:
    return timed(task, _data)


# -- a cluster -------------------------------------------------------------------------------------------------------


@contextmanager
def dask(data: Any, scheduler: str) -> Iterator[Pool]:
    """Perform the tasks on a Dask cluster, whose workers need the same neurosim; tasks that write files run here.

    Args:
        data: sent to every worker once.
        scheduler: where the cluster's scheduler listens, e.g. "tcp://10.0.0.1:8786".

    Raises:
        NeurosimError: the package is not installed, the scheduler does not answer, it has no workers, or it or all of
            them are lost.
    """
    try:
        import distributed
        from distributed.comm import CommClosedError
    except ImportError:
        raise NeurosimError(
            "--executor dask: expected the package distributed, which is not installed; "
            "install it with: pip install distributed"
        ) from None
    if not re.fullmatch(r"(tcp|tls|ws|wss)://\S+:\d+", scheduler):
        raise NeurosimError(f"--scheduler: expected an address such as tcp://10.0.0.1:8786, received {scheduler!r}")
    _check_answer(scheduler)
    over = threading.Event()
    try:
        with (
            _silent("distributed.client"),  # it would print tracebacks about a lost scheduler
            distributed.Client(scheduler, timeout=PATIENCE, set_as_default=False) as client,
        ):
            slots = sum(client.nthreads().values())
            if slots == 0:
                raise NeurosimError(
                    f"--scheduler: expected workers at {scheduler!r}, found none; start some with: "
                    f"dask worker {scheduler}"
                )
            threading.Thread(target=_watch, args=(client, over), daemon=True).start()
            (everywhere,) = client.scatter([data], broadcast=True)
            executor = client.get_executor(pure=False)

            def submit(task: Work) -> Future[Done]:
                there: Future[Done] = executor.submit(timed, task, everywhere)
                return there

            try:
                yield Pool(lambda task: _here(data, task) if task.writes else submit(task), 2 * slots)
            finally:
                over.set()
                if client.status == "running":
                    executor.shutdown(wait=False)  # cancels what is not done
    except (CancelledError, distributed.KilledWorker, CommClosedError) as error:
        raise NeurosimError(
            f"the cluster at {scheduler} was lost while it computed ({type(error).__name__}); finished runs are "
            "kept, and the same command goes on from there. Were its workers short of memory?"
        ) from None


def _watch(client: Any, over: threading.Event) -> None:
    """Close a client, which cancels its waiting, if no scheduler has reported a worker for too long."""
    heard = time.monotonic()
    while not over.wait(1):
        with suppress(Exception):
            if client.sync(client.scheduler.ncores, callback_timeout=SILENCE):
                heard = time.monotonic()
        if time.monotonic() - heard > SILENCE:
            with suppress(Exception):  # it may miss the answer of its own loop, which is over
                client.close()
            return


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Log nothing under a name in the block."""
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _check_answer(scheduler: str) -> None:
    """Refuse an address where no scheduler answers; a `Client` waits there for half a minute, or for ever."""
    import asyncio

    from distributed import rpc
    from distributed.security import Security

    async def ask() -> Any:
        async with rpc(scheduler, connection_args=Security().get_connection_args("client")) as there:
            return (await asyncio.wait_for(there.identity(), PATIENCE))["type"]

    try:
        with ThreadPoolExecutor(1) as other:  # a notebook's own thread has a loop that runs
            found = other.submit(asyncio.run, ask()).result()
    except Exception as error:  # whatever listens there may answer anything
        found = type(error).__name__
    if found != "Scheduler":
        raise NeurosimError(
            f"--scheduler: expected a Dask scheduler that answers within {PATIENCE:g} seconds at "
            f"{scheduler!r}, received {found}; start one with: dask scheduler"
        )

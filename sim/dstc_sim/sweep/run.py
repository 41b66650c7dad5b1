"""Running tasks: in this process, in processes of this machine, or on a Dask cluster."""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from dstc.errors import DstcError

from .task import Task, run_task

__all__ = ["cluster", "processes", "run_all"]

WINDOW = 64
"""Tasks that are handed out at once: what an interruption can cost, and what a scheduler holds."""

ANSWER_SECONDS = 20


def run_all(tasks: Iterable[Task], executor: Executor,
            finished: Callable[[Task, dict[str, Any] | DstcError], None]) -> None:
    """Run every task once.

    Parameters
    ----------
    tasks : iterable of Task
    executor : Executor
    finished : callable
        Called in this thread as soon as a task is done, in any order: with its result, or with
        the error if the task cannot be run.

    Raises
    ------
    DstcError
        If the workers are lost.
    """
    waiting = iter(tasks)
    running: dict[Future[dict[str, Any]], Task] = {}
    try:
        while True:
            while len(running) < WINDOW and (task := next(waiting, None)) is not None:
                running[executor.submit(run_task, task)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                try:
                    outcome: dict[str, Any] | DstcError = future.result()
                except DstcError as error:
                    outcome = error
                finished(task, outcome)
    except BrokenProcessPool:
        raise DstcError("Worker process must end its task, not be ended; the same command goes on "
                        "with what is missing") from None
    finally:
        for future in running:
            future.cancel()


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """So many processes of this machine.

    Raises
    ------
    DstcError
        If it is not a positive number.
    """
    if jobs < 1:
        raise DstcError(f"Number of processes must be positive, not {jobs}")
    # Forked children would share the locks of numba's and numpy's threads.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of a Dask scheduler; a task whose worker is lost goes to another one.

    Raises
    ------
    DstcError
        If the package is missing, the scheduler does not answer or has no worker.
    """
    try:
        from distributed import Client
    except ImportError:
        raise DstcError("Option --scheduler must have the package distributed, which is not "
                        "installed; pip install 'dstc[sweep]' brings it") from None
    try:
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise DstcError(f"Scheduler must be the address of a Dask scheduler that answers, not "
                        f"{address} ({type(error).__name__})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=ANSWER_SECONDS)
        except TimeoutError:
            raise DstcError(f"Scheduler must have a worker within {ANSWER_SECONDS} s, which "
                            f"{address} has not") from None
        # Not pure: a task is run when it is asked for, whatever the scheduler remembers.
        yield client.get_executor(pure=False)

"""Running tasks: in this process, in processes of this machine, or on a Dask cluster."""

import asyncio
import contextlib
import logging
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from dstc.errors import DstcError

from .task import Task, run_task

__all__ = ["cluster", "processes", "run_all"]

WINDOW = 64
"""Tasks that are handed out at once: what an interruption can cost, and what a scheduler holds."""

ANSWER_SECONDS = 20

GO_ON = "the same command goes on with what is missing"


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
    Exception
        Whatever else than a DstcError comes from a task or its executor.
    """
    waiting = iter(tasks)
    running: dict[Future[dict[str, Any]], Task] = {}
    try:
        while True:
            while len(running) < WINDOW and (task := next(waiting, None)) is not None:
                running[executor.submit(run_task, task)] = task
            if not running:
                return
            lost = None
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                error = future.exception()
                if error is None:
                    finished(task, future.result())
                elif isinstance(error, DstcError):
                    finished(task, error)
                else:
                    lost = error
            # Raised last: what was finished beside it is kept.
            if lost is not None:
                raise lost
    finally:
        for future in running:
            future.cancel()


@contextlib.contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """So many processes of this machine.

    Raises
    ------
    DstcError
        If it is not a positive number, or one of them is ended by somebody.
    """
    if jobs < 1:
        raise DstcError(f"Number of processes must be positive, not {jobs}")
    # Forked children would share the locks of numba's and numpy's threads.
    try:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            yield pool
    except BrokenProcessPool:
        raise DstcError(f"Worker process must end its task, not be ended; {GO_ON}") from None


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of a Dask scheduler; a task whose worker is lost goes to another one.

    Raises
    ------
    DstcError
        If the package is missing, the scheduler does not answer, has no worker or is lost, or a
        task was on several workers that were lost.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise DstcError("Option --scheduler must have the package distributed, which is not "
                        "installed; pip install 'dstc[sweep]' brings it") from None
    # What goes wrong is said once, by us.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
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
        try:
            yield _Cluster(client)
        except KilledWorker:
            raise DstcError("Worker must end its task, but each that had it was lost, perhaps for "
                            f"lack of memory; {GO_ON}") from None
        except _Lost:
            raise DstcError(f"Scheduler must stay until all tasks are done, which {address} did "
                            f"not; {GO_ON}") from None


class _Lost(Exception):
    """The scheduler forgot a task, or is gone."""


class _Cluster(Executor):
    """A client's workers as an executor.

    distributed has one too, but it fails when the worker that holds a finished result is lost
    before the result is fetched (2026.8.0); here fetching waits until the task is done again.
    """

    def __init__(self, client: Any) -> None:
        from distributed.comm import CommClosedError

        self._client = client
        # Of a task that the scheduler no longer knows, and of a fetch that it did not end.
        self._losses = (asyncio.CancelledError, CancelledError, CommClosedError)
        # The scheduler forgets what nobody refers to.
        self._asked: dict[Future[Any], Any] = {}

    def submit(self, function: Callable[..., Any], /, *words: Any, **named: Any) -> Future[Any]:
        answer: Future[Any] = Future()

        def settle(remote: Any) -> None:
            try:
                answer.set_result(remote.result())
            except InvalidStateError:
                pass
            except self._losses:
                answer.set_exception(_Lost())
            except Exception as error:
                answer.set_exception(error)
            self._asked.pop(answer, None)

        # Not pure: a task is run when it is asked for, whatever the scheduler remembers.
        self._asked[answer] = remote = self._client.submit(function, *words, **named, pure=False)
        remote.add_done_callback(settle)
        return answer

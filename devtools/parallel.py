"""Several pieces of work at once."""

import threading
from collections.abc import Callable

from devtools import processes


def together(*jobs: Callable[[], object]) -> None:
    """Runs the jobs at the same time; raises the first error after all have ended.

    The first error, and Ctrl-C, make the other jobs give up (processes.give_up).
    """
    errors: list[BaseException] = []

    def attempt(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:  # handed to the caller below
            errors.append(error)
            processes.give_up()

    threads = [threading.Thread(target=attempt, args=[job], daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        processes.give_up()
        for thread in threads:
            thread.join()
        raise
    finally:
        processes.resume()
    if errors:
        raise errors[0]

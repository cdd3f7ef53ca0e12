"""Waiting for something to become true, with a deadline and a reason when it does not."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T],
    what: str | Callable[[], str],
    *,
    seconds: float = 30,
    pause_seconds: float = 0.05,
) -> T:
    """Calls `condition` until it answers something true, which is returned.

    Fails with `what` otherwise; give a function to say how far it got.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            reason = what() if callable(what) else what
            raise AssertionError(f"not within {seconds:g} s: {reason}")
        time.sleep(pause_seconds)

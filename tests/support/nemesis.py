"""Kills what a relay lives on, and itself, with -9 and at random, and starts it again."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Target:
    name: str
    kill: Callable[[], None]
    start: Callable[[], None]  # returns when it serves
    weight: int


@dataclass(frozen=True)
class Kill:
    target: str
    at: float  # time.time()
    # What was noted as done at that moment or earlier, as `observe` said.
    noted: float


class Nemesis:
    """The same seed chooses the same targets and pauses. One that is down is killed once it is up again, so
    several may be down at a time.

    `observe` is asked just before each kill; it may raise, which means that there is no answer.
    """

    def __init__(self, seed: int, targets: list[Target], observe: Callable[[], float]):
        self._random = Random(seed)
        self._targets = targets
        self._observe = observe
        self._noted = -math.inf
        self.kills: list[Kill] = []

    def kill(self, count: int) -> None:
        """Returns when everything runs again."""
        weights = [target.weight for target in self._targets]
        starting: dict[str, Future] = {}
        with ThreadPoolExecutor(len(self._targets)) as starts:
            for _ in range(count):
                time.sleep(self._random.choice([0, self._random.uniform(0, 0.3), 1]))
                (target,) = self._random.choices(self._targets, weights)
                downtime = self._random.choice([0, self._random.uniform(0, 1.5)])
                if target.name in starting:
                    starting[target.name].result()
                self._kill(target)
                starting[target.name] = starts.submit(self._start, target, downtime)
            for start in starting.values():
                start.result()

    def counts(self) -> Counter[str]:
        return Counter(kill.target for kill in self.kills)

    def _kill(self, target: Target) -> None:
        try:
            self._noted = self._observe()
        except Exception:  # whatever is down: what it has said before stands
            pass
        target.kill()
        self.kills.append(Kill(target.name, time.time(), self._noted))

    @staticmethod
    def _start(target: Target, downtime: float) -> None:
        threading.Event().wait(downtime)
        target.start()

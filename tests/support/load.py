"""Orders placed by several callers at once, who do as good clients do: the same request again."""

import threading
import uuid
from collections import Counter

import grpc

from tests.support.system import OrderView, System

# CANCELLED is what gRPC C++ 1.51 gives to a call that comes while its server shuts down.
RETRIED = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)
_PAUSE_SECONDS = 0.05
_GIVE_UP_SECONDS = 120


class Load:
    """Places each of `requests` until it is answered, always with the same request_id.

    with Load(system, requests) as load:
        load.wait_answered(50)
        system.kill9("relay")
        …
    load.orders  # one for each request, in their order
    """

    def __init__(self, system: System, requests: list, *, callers: int = 8):
        self.orders: list[OrderView | None] = [None] * len(requests)
        self.failed_attempts: Counter[grpc.StatusCode] = Counter()
        self._system = system
        self._requests = requests
        for request in requests:
            request.request_id = request.request_id or str(uuid.uuid4())
        self._next = iter(range(len(requests)))
        self._answered = 0
        self._errors: list[BaseException] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(callers)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *_: object) -> None:
        """Waits until each request is answered; after a failure in the block nobody goes on."""
        if kind is not None:
            self._stopping.set()
        for thread in self._threads:
            thread.join()
        if kind is None:
            self._raise()

    def wait_answered(self, count: int) -> None:
        """Returns when `count` requests have been answered."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: self._answered >= count or self._errors, timeout=_GIVE_UP_SECONDS
            )
        self._raise()
        assert enough, f"only {self._answered} of {len(self._requests)} orders were answered"

    def wait_failed_attempt(self) -> None:
        """Returns when an attempt, counted from now, has failed."""
        with self._changed:
            before = self.failed_attempts.total()
            failed = self._changed.wait_for(
                lambda: self.failed_attempts.total() > before or self._errors,
                timeout=_GIVE_UP_SECONDS,
            )
        self._raise()
        assert failed, "every call goes on to succeed"

    def _raise(self) -> None:
        if self._errors:
            raise self._errors[0]

    def _call(self) -> None:
        try:
            while not self._stopping.is_set():
                with self._changed:
                    number = next(self._next, None)
                if number is None:
                    return
                order = self._insist(self._requests[number])
                with self._changed:
                    self.orders[number] = order
                    self._answered += 1
                    self._changed.notify_all()
        except BaseException as error:  # raised again in the test's own thread
            with self._changed:
                self._errors.append(error)
                self._changed.notify_all()

    def _insist(self, request) -> OrderView:
        while True:
            try:
                return self._system.place_request(request)
            except grpc.RpcError as error:
                if self._stopping.is_set():
                    raise
                with self._changed:
                    self.failed_attempts[error.code()] += 1
                    self._changed.notify_all()
                if error.code() not in RETRIED:
                    raise
            self._stopping.wait(_PAUSE_SECONDS)

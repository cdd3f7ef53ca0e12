"""Four requests of Kafka's protocol, enough to know when a broker is ready for its clients.

A broker that has just started answers before its group coordinators have loaded, and before it was
given numbers for idempotent producers. A consumer that comes in this second is refused, and
librdkafka tries again only 3 seconds later; for a producer it is half a second.
"""

import socket
import struct

from devtools import ports

_API_VERSIONS, _FIND_COORDINATOR, _DESCRIBE_GROUPS, _INIT_PRODUCER_ID = 18, 10, 15, 22
_COORDINATOR_ERRORS = (14, 15, 16)  # loading, not available, not the coordinator

# Any names: together they fall onto every partition of __consumer_offsets (12 here).
_GROUPS = [f"ready-{i}" for i in range(100)]


def answers(port: int) -> bool:
    """True if a broker answers at all."""
    return _call(port, _API_VERSIONS, b"") is not None


def has_coordinators(port: int) -> bool:
    """True if every group has a coordinator that is ready. The first call makes the topic for it."""
    if _call(port, _FIND_COORDINATOR, _string(_GROUPS[0])) is None:
        return False
    answer = _call(port, _DESCRIBE_GROUPS, _array(_GROUPS))
    return answer is not None and not set(_group_errors(answer)) & set(_COORDINATOR_ERRORS)


def has_producer_ids(port: int) -> bool:
    """True if idempotent producers are served. The first call makes the broker ask for numbers."""
    no_transactions = struct.pack(">hi", -1, 60_000)
    answer = _call(port, _INIT_PRODUCER_ID, no_transactions)
    return answer is not None and struct.unpack_from(">ih", answer)[1] == 0


def _call(port: int, api: int, body: bytes) -> bytes | None:
    """The answer's body to a request of version 0; None if there is none."""
    request = struct.pack(">hhih", api, 0, 1, -1) + body
    try:
        with socket.create_connection((ports.HOST, port), timeout=5) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as stream:
                head = stream.read(4)
                size = struct.unpack(">i", head)[0] if len(head) == 4 else 0
                answer = stream.read(size)
                return answer[4:] if size >= 4 and len(answer) == size else None
    except OSError:
        return None


def _group_errors(answer: bytes) -> list[int]:
    """The error codes in an answer to DescribeGroups, version 0, for groups without members."""
    errors = []
    (count,) = struct.unpack_from(">i", answer)
    at = 4
    for _ in range(count):
        errors.append(struct.unpack_from(">h", answer, at)[0])
        at += 2
        for _ in range(4):  # group, state, protocol type, protocol
            at += 2 + max(0, struct.unpack_from(">h", answer, at)[0])
        at += 4  # the number of members: none
    return errors


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _array(texts: list[str]) -> bytes:
    return struct.pack(">i", len(texts)) + b"".join(map(_string, texts))

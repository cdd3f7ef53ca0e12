"""Ids as our programs make them (RFC 9562, version 7): 48 bits of time, then chance."""

import secrets
import time
import uuid


def uuid7() -> str:
    milliseconds = time.time_ns() // 1_000_000
    low = 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | low))

"""Where things are: the checkout, its state, and what is shared between checkouts."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def cache() -> Path:
    """What a second clone should not have to fetch again (Kafka's jars, grpcurl).

    Outside the checkout, so that `git clean` and a new clone keep it; inside it where the home
    folder cannot be written.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(base) / "order-saga"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    folder = ROOT / ".cache"
    folder.mkdir(exist_ok=True)
    return folder


def build(preset: str = "dev") -> Path:
    return ROOT / "build" / preset


def state() -> Path:
    """The folder of `./dev run`: logs, the Postgres cluster, Kafka's log, generated passwords.

    `.state` of the checkout; if the user who runs Postgres cannot reach it there, a folder below
    /var/tmp that is named after the checkout.
    """
    from devtools import postgres

    if postgres.can_reach(ROOT):
        return ROOT / ".state"
    name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
    return Path("/var/tmp") / f"order-saga-{name}"

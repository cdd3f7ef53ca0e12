"""`./dev bench`: the benchmarks in bench/, in the release build, with servers of their own.

A benchmark `relay-drain` is bench/relay_drain.py, run as a module, or the program of
bench/relay_drain_bench.cc. It finds its servers and the programs as tests do, and prints lines
`figure NAME VALUE UNIT` and `ratio NAME VALUE`, which are shown again at the end.
"""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from devtools import builds, console, folders, kafka, programs, tests
from devtools.parallel import together
from devtools.processes import Failed
from devtools.servers import TestServers


def run(names: list[str]) -> int:
    """Answers 0 if every benchmark ran to its end."""
    known = names_of_benchmarks()
    unknown = [name for name in names if name not in (*known, "all")]
    if unknown:
        raise Failed(
            f"No benchmark is called {', '.join(unknown)}",
            fix=f"There are: {', '.join(known) or 'none yet'}",
        )
    chosen = known if "all" in names else names
    if not chosen:
        raise Failed("There are no benchmarks in bench/ yet")
    log = tests.LOGS / "build.log"
    targets = [p.name for p in programs.ALL]
    targets += [f"{c.replace('-', '_')}_bench" for c in chosen if not _module(c).exists()]
    # What benchmarks in Python start: programs like bench/order_load.cc.
    own = [p.stem for p in (folders.ROOT / "bench").glob("*.cc") if not p.stem.endswith("_bench")]
    targets += own if any(_module(c).exists() for c in chosen) else []
    builds.build(targets, log=log, preset="release")
    kafka.fetch_jars(tests.LOGS / "setup.log")
    lines: list[str] = []
    failed = []
    for name in chosen:
        servers = TestServers()
        try:
            with console.step(f"Starting Postgres and Kafka for {name}"):
                together(servers.start)
            code, printed = _run_one(name, servers)
            lines += printed
            if code != 0:
                failed.append(name)
        finally:
            servers.stop()
    console.say()
    for line in lines:
        console.say(line)
    if failed:
        raise Failed(f"Benchmarks that did not end well: {', '.join(failed)}")
    return 0


def names_of_benchmarks() -> list[str]:
    found = {p.stem for p in (folders.ROOT / "bench").glob("*.py") if not p.stem.startswith("_")}
    found |= {p.stem.removesuffix("_bench") for p in (folders.ROOT / "bench").glob("*_bench.cc")}
    return sorted(name.replace("_", "-") for name in found)


def described() -> str:
    """Each benchmark with what it asks and which figures it prints, as its source says."""
    lines = []
    for name in names_of_benchmarks():
        source = _source(name).read_text()
        lines += textwrap.wrap(f"{name}: {_first_sentence(source)}", 96, subsequent_indent="    ")
        lines += textwrap.wrap(", ".join(_figures(source)), 96, initial_indent="    prints ", subsequent_indent="    ")
    return "\n".join(f"  {line}" for line in lines)


def _first_sentence(source: str) -> str:
    """Of a Python file's docstring, or of the comment that a C++ file begins with."""
    text = re.sub(r"^//", "", source, flags=re.MULTILINE).lstrip(' "\n')
    return " ".join(re.split(r"(?<=\.)\s", text, maxsplit=1)[0].split())


def _figures(source: str) -> list[str]:
    """The names in its print statements; … is what the program fills in."""
    found = re.findall(r"[\"](?:figure|ratio) ([\w{}.\[\]']+)", source)
    return list(dict.fromkeys(re.sub(r"{[^}]*}", "…", name) for name in found))


def _run_one(name: str, servers: TestServers) -> tuple[int, list[str]]:
    if _module(name).exists():
        command = [sys.executable, "-m", f"bench.{_module(name).stem}"]
    else:
        command = [str(builds.binaries("release") / f"{_module(name).stem}_bench")]
    environment = {
        **os.environ,
        **servers.environment(),
        "ORDER_SAGA_BIN_DIR": str(builds.binaries("release")),
        "ORDER_SAGA_TEST_LOGS": str(servers.folder / "systems"),
        "PYTHONUNBUFFERED": "1",
    }
    printed = []
    with subprocess.Popen(
        command, cwd=folders.ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            console.say(line.rstrip("\n"))
            if line.startswith(("figure ", "ratio ")):
                printed.append(line.rstrip("\n"))
    return process.returncode, printed


def _module(name: str) -> Path:
    return folders.ROOT / "bench" / f"{name.replace('-', '_')}.py"


def _source(name: str) -> Path:
    module = _module(name)
    return module if module.exists() else module.with_name(f"{module.stem}_bench.cc")

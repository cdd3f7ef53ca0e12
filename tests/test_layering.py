"""Who may include whom, and the other rules of the tree. Each failure names the file and the rule."""

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath

import pytest

from devtools import folders, lint
from tests.support import source_tree
from tests.support.source_tree import PROGRAMS, SERVICES, Include

LONGEST_FILE = 400
BANNED_FOLDERS = {"common", "util", "utils", "helper", "helpers", "misc", "manager", "managers"}
IO = ("libpq", "librdkafka/", "grpc", "google/protobuf/", "prometheus/", "spdlog/", "httplib")


@pytest.fixture(scope="module")
def includes() -> list[Include]:
    return source_tree.includes()


def none_of(broken: list, rule: str) -> None:
    assert not broken, f"{rule}\n  " + "\n  ".join(map(str, broken))


def test_libraries_include_no_program(includes):
    none_of(
        [i for i in includes if i.room.startswith("libs/") and i.header.startswith(PROGRAMS)],
        "a library never includes a program",
    )


def test_programs_include_no_other_program(includes):
    none_of(
        [
            i
            for i in includes
            if i.room in PROGRAMS
            and i.header.startswith(PROGRAMS)
            and not i.header.startswith(f"{i.room}/")
        ],
        "programs never include each other; what two need goes into libs/",
    )


def test_the_domain_is_pure(includes):
    """Rules only: no I/O, no protobuf, no library of ours."""

    def is_allowed(i: Include) -> bool:
        if i.system:
            return not i.header.startswith(IO)
        inside = i.header.startswith((f"{i.room}/domain/", "absl/"))
        return inside or (source_tree.is_test(i.file) and i.header.startswith("gtest/"))

    none_of(
        [
            i
            for i in includes
            if i.room in SERVICES and "domain" in i.file.parts and not is_allowed(i)
        ],
        "domain/ includes the standard library, absl/ and its own folder, nothing else",
    )


def test_handlers_know_neither_kafka_nor_grpc(includes):
    none_of(
        [
            i
            for i in includes
            if i.room in SERVICES
            and "handlers" in i.file.parts
            and not source_tree.is_test(i.file)
            and (
                i.header.startswith(("libs/kafka/", "grpc", "librdkafka/"))
                or i.header.endswith(".grpc.pb.h")
            )
        ],
        "a handler knows neither Kafka nor gRPC: the doors do",
    )


def test_the_saga_engine_is_pure(includes):
    none_of(
        [
            i
            for i in includes
            if i.room == "libs/saga"
            and (
                i.header.startswith((*IO, "libs/"))
                and not i.header.startswith(("libs/saga/", "libs/uuid/", "grpc/"))
                or i.header.endswith(".pb.h")
            )
        ],
        "libs/saga decides; it does no I/O and knows no wire format",
    )


def test_the_relay_knows_no_service_and_no_payload(includes):
    none_of(
        [
            i
            for i in includes
            if i.room == "outbox-relay"
            and not source_tree.is_test(i.file)
            and (
                i.header.endswith(".pb.h")
                or i.header.startswith(("libs/saga/", "libs/inbox/", "libs/orchestrator/"))
            )
        ],
        "the relay moves bytes: no protobuf, no saga, no inbox",
    )


def test_libraries_form_no_cycle(includes):
    graph: dict[str, set[str]] = {}
    for i in includes:
        if (
            i.room.startswith("libs/")
            and i.header.startswith("libs/")
            and not source_tree.is_test(i.file)
        ):
            other = source_tree.room(PurePosixPath(i.header))
            if other != i.room:
                graph.setdefault(i.room, set()).add(other)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"libraries include each other in a circle: {' → '.join(error.args[1])}")


def test_tests_are_not_built_into_programs(includes):
    none_of(
        [
            i
            for i in includes
            if not source_tree.is_test(i.file)
            and (
                i.header.startswith(("gtest/", "gmock/"))
                or "/testing/" in i.header
                or "_testing.h" in i.header
            )
            and i.room not in ("libs/testing", "bench")
            and "simulation" not in i.file.parts  # a test that is run as a program
        ],
        "only tests and benchmarks include what is for tests",
    )


def test_heavy_headers_stay_out_of_headers(includes):
    """They cost each file that includes them 2 to 4 seconds of compiling."""
    heavy = ("spdlog/", "CLI/", "httplib.h", "nlohmann/")
    none_of(
        [
            i
            for i in includes
            if i.file.suffix == ".h"
            and (
                i.header.startswith(heavy)
                or i.header.startswith("grpcpp/grpcpp.h")
                and i.room not in SERVICES
            )
        ],
        "heavy headers belong into .cc files",
    )


def test_include_guards():
    broken = []
    for path in source_tree.sources():
        if path.suffix != ".h":
            continue
        guard = "ORDER_SAGA_" + re.sub(r"\W", "_", str(path)).upper() + "_"
        text = (folders.ROOT / path).read_text()
        if not re.search(rf"^#ifndef {guard}\n#define {guard}\n", text, re.MULTILINE):
            broken.append(f"{path}: its guard should be {guard}")
    none_of(broken, "a header's guard is its path")


def test_files_are_short():
    broken = []
    for name in lint.tracked_files(
        ".cc", ".h", ".py", ".sql", ".proto", ".cmake", "CMakeLists.txt", "dev"
    ):
        lines = (folders.ROOT / name).read_text().count("\n")
        if lines > LONGEST_FILE:
            broken.append(f"{name}: {lines} lines")
    none_of(broken, f"no file is longer than {LONGEST_FILE} lines: split it by subject")


def test_no_drawer_for_odds_and_ends():
    names = lint.tracked_files("")
    none_of(
        [
            n
            for n in names
            if BANNED_FOLDERS & {p.lower() for p in PurePosixPath(n).with_suffix("").parts}
        ],
        f"no folder or file is called {', '.join(sorted(BANNED_FOLDERS))}: name it by its subject",
    )


def test_no_path_of_one_machine():
    """Nothing that is true on somebody's machine only."""
    machine = re.compile(r"(?<![\w.$}])/(?:work|root|home)/[\w.]")
    broken = []
    for name in lint.tracked_files(""):
        try:
            text = (folders.ROOT / name).read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if machine.search(line) and name != "tests/test_layering.py":
                broken.append(f"{name}:{number}: {line.strip()[:120]}")
    none_of(broken, "no committed file names a folder of one machine")

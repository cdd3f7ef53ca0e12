"""What ./dev computes: ports, parsing, waiting."""

import os
import re
import signal
import socket
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from devtools import (
    bench,
    chaos,
    cli,
    console,
    metrics,
    order_demo,
    ports,
    processes,
    programs,
    status,
    tests,
)
from devtools.parallel import together
from tests.support.deadline import wait_until


def test_free_ports_are_different_and_free():
    found = ports.free_ports(20)
    assert len(set(found)) == 20
    assert all(ports.is_free(port) for port in found)


def test_a_taken_port_names_its_holder():
    with socket.socket() as listener:
        listener.bind((ports.HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.answers(port)
        assert ports.holder(port).pid == os.getpid()
        assert str(os.getpid()) in str(ports.holder(port))


def test_listening_inodes_of_proc_net_tcp():
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:5208 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0 0 4711 1 0 100\n"
        "   1: 0100007F:5208 0100007F:A000 01 00000000:00000000 00:00000000 00000000   0 0 4712 1 0 100\n"
    )
    assert ports.listening_inodes(table, 0x5208) == ["4711"]
    assert ports.listening_inodes(table, 80) == []


def test_fixed_ports_are_the_documented_ones():
    listeners = programs.fixed_listeners(21000)
    assert listeners["order-service"] == programs.Listeners(http=21101, grpc=21001, admin=21011)
    assert listeners["kitchen-service"] == programs.Listeners(http=21104, grpc=21004)
    assert listeners["outbox-relay"] == programs.Listeners(http=21105)


@pytest.mark.parametrize("name", ["relay", "outbox-relay"])
def test_programs_have_short_names(name):
    assert programs.find(name) is programs.RELAY


def test_an_unknown_program_is_refused_with_the_known_ones():
    with pytest.raises(KeyError, match="order-service"):
        programs.find("service")


def test_metrics_text():
    text = '# HELP a b\n# TYPE a gauge\na{x="1",y="q\\"z"} 2.5\nb 7\nc{} NaN\n'
    samples = metrics.parse(text)
    assert samples[:2] == [("a", {"x": "1", "y": 'q\\"z'}, 2.5), ("b", {}, 7.0)]


def test_junit_counts():
    text = (
        '<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase>'
        '<testcase name="c"><skipped/></testcase><testcase name="d" status="notrun"/>'
        "</testsuite></testsuites>"
    )
    assert tests.count_junit(text) == tests.Counts(passed=1, failed=1, skipped=2)


@pytest.mark.parametrize(
    ("status", "cases", "failed"),
    [
        ("run", '<testsuites><testcase name="a" status="run"/></testsuites>', 0),
        ("fail", '<testsuites><testcase name="a" status="run"/></testsuites>', 1),
        ("fail", None, 1),  # it crashed
        ("notrun", None, 1),  # it was not built
    ],
)
def test_a_test_program_that_did_not_run_to_its_end_is_a_failure(tmp_path, status, cases, failed):
    file = tmp_path / "program.xml"
    if cases:
        file.write_text(cases)
    program = xml.fromstring(f'<testcase name="program" status="{status}"/>')
    assert tests.count_program(program, file) == tests.Counts(int(bool(cases)), failed)


def test_protobuf_timestamps():
    assert order_demo.parse_time("1970-01-01T00:00:01Z") == 1.0
    assert order_demo.parse_time("1970-01-01T00:00:01.250000001Z") == pytest.approx(1.25)
    with pytest.raises(ValueError, match="no UTC"):
        order_demo.parse_time("yesterday")


def test_a_saga_event_in_one_line():
    reply = {
        "kind": "REPLY",
        "step": "product-stock",
        "command": "ReserveStock",
        "status": "REJECTED",
        "outcome": "OUT_OF_STOCK",
        "attempt": 2,
    }
    words = order_demo.describe(reply).split()
    assert words == [
        "product-stock",
        "←",
        "ReserveStock",
        "REJECTED",
        "OUT_OF_STOCK",
        "(attempt",
        "2)",
    ]


def test_the_end_of_a_log(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {i}\n" for i in range(1000)))
    assert console.last_lines(log, 2) == ["line 998", "line 999"]
    assert console.last_lines(tmp_path / "none.log", 2) == []


def test_together_raises_the_first_error_and_ends_the_others(tmp_path):
    def fail():
        raise processes.Failed("first")

    def wait():
        processes.run([sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")

    begin = time.monotonic()
    with pytest.raises(processes.Failed, match="first"):
        together(wait, fail, lambda: processes.pause(60))
    assert time.monotonic() - begin < 20


def test_a_process_is_found_again_by_its_pid_file(tmp_path):
    pid_file = tmp_path / "pids" / "sleeper"
    process = processes.start(["sleep", "60"], log=tmp_path / "log", pid_file=pid_file)
    assert processes.running_pid(pid_file) == process.pid
    assert processes.stop(process.pid)
    assert processes.running_pid(pid_file) is None


def test_a_pid_file_of_another_process_counts_for_nothing(tmp_path):
    """Pids are used again after a reboot: the start time must match too."""
    pid_file = tmp_path / "stale"
    pid_file.write_text(f"{os.getpid()} 1\n")
    assert processes.running_pid(pid_file) is None


def test_a_process_that_ignores_sigterm_is_killed(tmp_path):
    ignore = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    log = tmp_path / "log"
    process = processes.start([sys.executable, "-c", ignore], log=log, pid_file=tmp_path / "pid")
    while not log.read_text():
        time.sleep(0.01)
    assert not processes.stop(process.pid, grace_seconds=0.2)


def test_a_process_runs_until_its_last_thread_ends(tmp_path):
    """Its first thread may be a zombie before, while what is open is open still."""
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    process = processes.start(
        [sys.executable, "-c", code], log=tmp_path / "log", pid_file=tmp_path / "pid"
    )
    stat = Path(f"/proc/{process.pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "its zombie is there")
    assert processes.is_running(process.pid)
    processes.stop(process.pid, sign=signal.SIGKILL)
    assert not processes.is_running(process.pid)


@pytest.mark.parametrize("name", bench.names_of_benchmarks())
def test_the_help_says_what_a_benchmark_asks_and_prints(name):
    at = bench.described().index(f"{name}: ")
    asks, _, prints = bench.described()[at:].partition("prints ")
    assert asks.rstrip().endswith(".")
    assert re.match(r"\w+", prints)


@pytest.mark.parametrize("verb", ["bench", "simulate", "test", "test-env"])
def test_help_fits_a_terminal(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        cli._parser().parse_args([verb, "--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert "examples:" in lines
    assert max(map(len, lines)) <= 105


def test_what_has_ended_says_since_when_its_last_words_and_where_more_is(tmp_path):
    pid_file, log = tmp_path / "pid", tmp_path / "outbox-relay.log"
    assert "not started" in " ".join(status.obituary("outbox-relay", pid_file, log, 1000.0))
    pid_file.write_text("1 1\n")
    log.write_text("first\nlast words\n\n")
    os.utime(pid_file, (0, 400))
    os.utime(log, (0, 990))
    assert status.obituary("outbox-relay", pid_file, log, 1000.0) == [
        "outbox-relay has ended. It was started 10 minutes ago.",
        "  Its last line, 10 seconds ago:",
        "    last words",
        "  More: ./dev logs outbox-relay",
    ]


def test_what_the_fault_suite_counts_is_summed_up():
    junit = """<testsuites><testsuite><testcase name="a"><properties>
      <property name="rows" value="7"/><property name="repeats" value="1"/></properties></testcase>
      <testcase name="b"><properties><property name="rows" value="5"/></properties></testcase>
      </testsuite></testsuites>"""
    assert chaos.read_counts(junit) == {"rows": 12, "repeats": 1}

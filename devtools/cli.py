"""The verbs of `./dev`."""

import argparse
import os
import signal
import sys
from pathlib import Path

from devtools import bench, builds, chaos, console, lint, postgres_versions, run, status, tests
from devtools.processes import Failed, Interrupted

_EXAMPLES = """
./dev run                        everything, from nothing to an approved order; Ctrl-C stops it
./dev test                       builds and runs every test
./dev test relay                 the tests with "relay" in their names
./dev VERB --help                more on one verb
"""

_SIMULATE = """The real decider (libs/saga)
with the order's step table runs against model participants, without Postgres or Kafka: messages come
twice and in any order, an undo before its action, programs crash, participants refuse. The promises
are checked all along: each saga ends, all or nothing, nothing is done twice. Builds first (release).

It prints the seed, how many histories and checks there were, and how many histories broke a promise
(violations); of the first of these the whole way there. Exit code 0: there was none.

the simulator's options:
  --seed N          of the first history, the next has N + 1 (default: random)
  --histories N     how many random histories (default 10000)
  --exhaustive      instead: every refusal, duplicate, order and crash point, within these bounds:
  --sagas N         how many at once (default 1)
  --units N         what each participant has to give (default 1)
  --duplicates N    messages that come again, in one history (default 4)
  --overtakes N     undos that come before their action, in one history (default 1)"""


def main(arguments: list[str]) -> int:
    _stop_on_signals()
    parser = _parser()
    if not arguments or arguments == ["help"]:
        parser.print_help()
        return 0
    # What these two pass on may begin with dashes, which argparse would take for its own.
    passed_on = arguments[1:] if arguments[0] in ("simulate", "test-env") else []
    if passed_on[:1] in (["-h"], ["--help"]):
        passed_on = []
    parsed = parser.parse_args(arguments[: len(arguments) - len(passed_on)])
    parsed.passed_on = passed_on
    try:
        return parsed.call(parsed)
    except Failed as failure:
        console.report(failure)
        return 1
    except (KeyboardInterrupt, Interrupted):
        console.say("Interrupted.")
        return 130
    except BrokenPipeError:
        return 1


def _stop_on_signals() -> None:
    """As Ctrl-C does. SIGINT too, which a script's `./dev run &` would ignore; nohup is heeded."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:
            signal.signal(name, signal.default_int_handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev",
        description="Builds, runs and tests order-saga on this machine.",
        epilog=f"examples:{_EXAMPLES.replace(chr(10), chr(10) + '  ')}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    def add(name: str, summary: str, more: str, examples: str, call) -> argparse.ArgumentParser:
        verb = verbs.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}. {more}".strip(),
            epilog="examples:\n"
            + "\n".join(f"  {line.strip()}" for line in examples.strip().splitlines()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.set_defaults(call=call)
        return verb

    verb = add(
        "run",
        "starts Postgres, Kafka and the five programs, and places an order",
        "Builds first.\nStays until Ctrl-C. What was stored is kept for the next time.",
        """./dev run
        ./dev run --once              stop after the order; exit code 0 if it was approved
        ./dev run --detach            leave it running; ./dev down stops it
        ./dev run --port-base 25000   other ports: gRPC at 25001 to 25004""",
        lambda a: run.run(once=a.once, detach=a.detach, port_base=a.port_base),
    )
    how = verb.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="stop everything after the order")
    how.add_argument("--detach", action="store_true", help="leave everything running")
    verb.add_argument(
        "--port-base", type=_port_base, metavar="N", help="shift all ports (default 21000)"
    )

    verb = add(
        "test",
        "builds everything and runs the tests that CI runs",
        "Servers are their own, on\nfree ports: what ./dev run started is not disturbed. First the C++ tests (ctest),"
        "\nthen the Python ones (pytest); the end says how many passed and failed, and how long each"
        "\npart took. Exit code 1 if one failed: then .state/test-failure holds the logs of its servers."
        "\nWords select the tests whose names contain one of them; only these and the programs are built.",
        """./dev test                     everything
        ./dev test outbox             C++ and Python tests with "outbox" in their names
        ./dev test devtools layering  the two Python files that need nothing but the tree
        ./dev test relay --postgres 17   on another Postgres than the machine's
        ./dev test --preset asan      the same under AddressSanitizer""",
        _test,
    )
    verb.add_argument("selection", nargs="*", metavar="WORD", help="part of a test's name")
    verb.add_argument(
        "--postgres",
        type=int,
        choices=sorted(postgres_versions.RELEASES),
        help=f"major version of the servers, from npm (also: {postgres_versions.VARIABLE})",
    )
    _add_preset(verb)

    verb = add(
        "build",
        "builds everything, or the targets named",
        "",
        """./dev build
        ./dev build order-service
        ./dev build --preset release""",
        _build,
    )
    verb.add_argument("targets", nargs="*", metavar="TARGET", help="a program, a library or a test")
    _add_preset(verb)

    add(
        "status",
        "shows what runs, where it listens, and the outbox lag",
        "",
        "./dev status",
        lambda a: status.status(),
    )
    verb = add(
        "logs",
        "shows a program's log, or which logs there are",
        "",
        """./dev logs
        ./dev logs order-service
        ./dev logs relay -f           and goes on as it grows""",
        lambda a: status.logs(a.name, follow=a.follow),
    )
    verb.add_argument(
        "name", nargs="?", metavar="NAME", help="order-service, relay, postgres, kafka, build, …"
    )
    verb.add_argument("-f", "--follow", action="store_true", help="go on as it grows")

    verb = add(
        "down",
        "stops what ./dev run started",
        "What was stored is kept.",
        """./dev down
        ./dev down --clean            remove the databases, Kafka's messages and the logs too""",
        lambda a: run.down(clean=a.clean),
    )
    verb.add_argument("--clean", action="store_true", help="remove the state folder")

    verb = add(
        "bench",
        "runs benchmarks, in the release build",
        "Each with a Postgres (fsync on) and a Kafka of its own,\nand each against a floor: the least"
        " that something must cost on this machine. How it measures stands\nat the head of its file in"
        " bench/. The end repeats the results, in lines `figure NAME VALUE UNIT` and\n`ratio NAME"
        f" VALUE`, where a ratio is ours by the floor.\n\nbenchmarks:\n{bench.described()}",
        """./dev bench sagas
        ./dev bench relay-drain relay-latency
        ./dev bench all               all of them, one after the other
        ORDER_SAGA_BENCH_ORDERS=100000 ./dev bench sagas""",
        lambda a: bench.run(a.names),
    )
    verb.add_argument("names", nargs="+", metavar="NAME", help="a benchmark, or all")

    add(
        "simulate",
        "runs the saga simulation",
        _SIMULATE,
        """./dev simulate
        ./dev simulate --seed 7 --histories 1      one history, the same each time
        ./dev simulate --exhaustive""",
        _simulate,
    )

    verb = add(
        "chaos",
        "runs the fault suite against real processes",
        "Kills them with -9 at random, under load; then looks whether\nanything was lost, invented, out of order or repeated beyond the promise.",
        """./dev chaos                      one round
        ./dev chaos --minutes 30 --seed 7   rounds with the seeds 7, 8, …""",
        lambda a: chaos.run(minutes=a.minutes, seed=a.seed, kills=a.kills),
    )
    verb.add_argument("--minutes", type=float, default=0, help="begin rounds for so long")
    verb.add_argument("--seed", type=int, help="of the first round (default: any)")
    verb.add_argument("--kills", type=int, default=50, help="for each test of a round (default 50)")

    verb = add(
        "lint",
        "checks formatting, layering and protos",
        "",
        """./dev lint
        ./dev lint --fix              put the formatting right""",
        lambda a: lint.run(fix=a.fix),
    )
    verb.add_argument("--fix", action="store_true", help="put the formatting right")

    add(
        "test-env",
        "runs a command with a Postgres and a Kafka of its own",
        "For one test, a debugger or a shell.\nNothing is built. The servers are on free ports, and"
        " are gone with all their data when the command\nends; its exit code is ours. It finds them by"
        " ORDER_SAGA_TEST_POSTGRES (a connection URI of the\nsuperuser), ORDER_SAGA_TEST_KAFKA"
        " (HOST:PORT) and, for the programs, ORDER_SAGA_BIN_DIR.",
        """./dev test-env build/dev/libs/outbox/outbox_pgtest --gtest_filter='*Slot*'
        ./dev test-env gdb --args build/dev/libs/inbox/inbox_kafkatest
        ./dev test-env pytest tests -k crashes
        ./dev test-env bash -c 'psql "$ORDER_SAGA_TEST_POSTGRES"'""",
        _test_env,
    )
    return parser


def _add_preset(verb: argparse.ArgumentParser) -> None:
    presets = ["dev", "release", "asan", "tsan"]
    verb.add_argument("--preset", choices=presets, default="dev", help="CMake preset (default dev)")


def _port_base(text: str) -> int:
    base = int(text)
    if not 1024 <= base <= 65000:
        raise argparse.ArgumentTypeError("must be 1024 to 65000")
    return base


def _build(parsed: argparse.Namespace) -> int:
    builds.build(parsed.targets, log=tests.LOGS / "build.log", preset=parsed.preset)
    return 0


def _test(parsed: argparse.Namespace) -> int:
    if parsed.postgres:
        # Tests start servers of their own too, in processes of their own.
        os.environ[postgres_versions.VARIABLE] = str(parsed.postgres)
    return tests.run(parsed.selection, preset=parsed.preset)


def _test_env(parsed: argparse.Namespace) -> int:
    if not parsed.passed_on:
        raise Failed("Which command?", fix="./dev test-env --help shows examples.")
    return tests.run_with_servers(parsed.passed_on)


def _simulate(parsed: argparse.Namespace) -> int:
    builds.build(["saga_simulator"], log=tests.LOGS / "build.log", preset="release")
    program = _find_binary("saga-simulator", "saga_simulator")
    sys.stdout.flush()
    os.execv(program, [str(program), *parsed.passed_on])


def _find_binary(*names: str) -> Path:
    for name in names:
        if (builds.binaries("release") / name).exists():
            return builds.binaries("release") / name
    raise Failed(f"The build made no {' or '.join(names)} in {builds.binaries('release')}")

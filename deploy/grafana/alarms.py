"""Which alarms wait or fire, as Prometheus itself says; only those of deploy/prometheus/rules."""

import re
from pathlib import Path

from panels import Panel, Query

_RULES = Path(__file__).parents[1] / "prometheus" / "rules"


def alarms(*files: str, by: tuple[str, ...]) -> Panel:
    """Of these files of rules: a row for each alarm, and for each value of `by` that it has."""
    text = "".join((_RULES / name).read_text() for name in files)
    names = "|".join(re.findall(r"- alert: (\w+)", text))
    waits, fires = (
        f'ALERTS{{alertname=~"{names}", alertstate="{s}"}}' for s in ("pending", "firing")
    )
    what = "".join(f"{{{{{label}}}}}" for label in by)
    return Panel(
        "Alarms",
        [
            Query(
                f"max by (alertname, {', '.join(by)}) ({fires} * 2 or {waits})",
                f"{{{{alertname}}}} {what}",
            ),
            Query(
                # Not there either when no rule is evaluated, or the lag exporter is dead.
                "0 * count(order_saga:outbox_healthy or order_saga:outbox_problem) "
                f"unless on () {fires}",
                "none fires",
            ),
        ],
        kind="state-timeline",
        about="Red: the alarm fires. Orange: what it asks is true, but not yet for as long as it "
        "wants. docs/runbooks/README.md leads from an alarm to what to do.",
        width=24,
        height=7,
        thresholds=[(None, "green"), (1, "orange"), (2, "red")],
    )

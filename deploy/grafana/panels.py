"""Grafana's JSON for dashboards, from few words. Standard library only."""

from dataclasses import dataclass, field

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS = 24
# Where a unit's axis ends at least. Counts come in whole numbers.
_UP_TO = {"short": 5, "bytes": 2**20}
# The other dashboards, at the same time.
_OTHERS = {
    "type": "dashboards",
    "title": "",
    "tags": ["order-saga"],
    "asDropdown": False,
    "keepTime": True,
    "includeVars": False,
    "targetBlank": False,
}


@dataclass
class Query:
    expression: str
    legend: str = ""


@dataclass
class Panel:
    """`kind` is Grafana's name of a visualisation; `about` says what to look for.

    In a graph each threshold is a dashed line. Its axis reaches at least to `up_to`: an axis that
    fits only what is there makes a mountain of nothing.
    """

    title: str
    queries: list[Query]
    about: str
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    thresholds: list[tuple[float | None, str]] = field(default_factory=list)
    stacked: bool = False
    up_to: float | None = None

    def json(self, number: int, x: int, y: int) -> dict:
        defaults = {
            "unit": self.unit,
            "thresholds": {
                "mode": "absolute",
                "steps": [
                    {"value": value, "color": color}
                    for value, color in self.thresholds or [(None, "green")]
                ],
            },
        }
        options: dict = {}
        if self.kind == "timeseries":
            defaults["min"] = 0
            # Areas of several series that lie upon each other are mud.
            defaults["custom"] = {"fillOpacity": 0, "lineWidth": 2, "showPoints": "never"}
            defaults["custom"]["axisSoftMax"] = self.up_to or _UP_TO.get(self.unit, 1)
            if self.stacked:
                defaults["custom"] |= {"stacking": {"mode": "normal"}, "fillOpacity": 40}
                defaults["custom"]["lineWidth"] = 1
            if self.thresholds:
                defaults["custom"]["thresholdsStyle"] = {"mode": "dashed"}
            options = {
                "legend": {"displayMode": "list", "placement": "bottom"},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        if self.kind == "stat":
            options = {
                "reduceOptions": {"calcs": ["lastNotNull"]},
                "colorMode": "background" if self.thresholds else "value",
            }
        if self.kind == "state-timeline":
            defaults["custom"] = {"fillOpacity": 80, "lineWidth": 0}
            defaults["color"] = {"mode": "thresholds"}
            options = {"showValue": "never", "mergeValues": True, "rowHeight": 0.9}
            options["legend"] = {"showLegend": False}  # it would name numbers, and rows have names
        return {
            "id": number,
            "title": self.title,
            "description": self.about,
            "type": self.kind,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": options,
            "targets": [
                {
                    "refId": chr(ord("A") + i),
                    "datasource": _SOURCE,
                    "expr": query.expression,
                    "legendFormat": query.legend,
                    "instant": self.kind == "stat",
                    "range": self.kind != "stat",
                }
                for i, query in enumerate(self.queries)
            ],
        }


@dataclass
class Dashboard:
    """Rows of panels. `choices` are variables: name, metric and label that they come from."""

    uid: str
    title: str
    about: str
    rows: list[tuple[str, list[Panel]]]
    choices: list[tuple[str, str, str]] = field(default_factory=list)

    def panels(self) -> list[Panel]:
        return [panel for _, row in self.rows for panel in row]

    def json(self) -> dict:
        placed: list[dict] = []
        y = 0
        for title, panels in self.rows:
            placed.append(
                {
                    "id": len(placed) + 1,
                    "type": "row",
                    "title": title,
                    "collapsed": False,
                    "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
                    "panels": [],
                }
            )
            y += 1
            x = height = 0
            for panel in panels:
                if x + panel.width > _COLUMNS:
                    x, y, height = 0, y + height, 0
                placed.append(panel.json(len(placed) + 1, x, y))
                x, height = x + panel.width, max(height, panel.height)
            y += height
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": ["order-saga"],
            "schemaVersion": 38,
            "timezone": "utc",
            "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"},
            "editable": True,
            "graphTooltip": 1,
            "templating": {"list": [_datasource(), *(_choice(*c) for c in self.choices)]},
            "annotations": {"list": []},
            "links": [_OTHERS],
            "panels": placed,
        }


def _datasource() -> dict:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
    }


def _choice(name: str, metric: str, label: str) -> dict:
    """All of a label's values are chosen at first."""
    return {
        "name": name,
        "label": name.replace("_", " "),
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": f"label_values({metric}, {label})", "refId": "A"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def quantiles(metric: str, matcher: str, by: str = "") -> list[Query]:
    """The 99th percentile, of each `by` if it is said, and the median of all."""
    rate = f"rate({metric}_bucket{{{matcher}}}[$__rate_interval])"
    slowest = f"sum by ({', '.join(filter(None, ['le', by]))}) ({rate})"
    return [
        Query(f"histogram_quantile(0.99, {slowest})", f"{{{{{by}}}}} p99" if by else "p99"),
        Query(f"histogram_quantile(0.5, sum by (le) ({rate}))", "all p50" if by else "p50"),
    ]


def rate_of(counter: str, matcher: str, by: str) -> str:
    return f"sum by ({by}) (rate({counter}{{{matcher}}}[$__rate_interval]))"

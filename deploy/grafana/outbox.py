"""The outbox: does it lag, why, and what is near its limit."""

from panels import Dashboard, Panel, Query, quantiles, rate_of

_OF = 'source=~"$source"'
_BAD_ABOVE_0 = [(None, "green"), (1, "red")]


def _largest(metric: str) -> str:
    """Of the relays and the lag exporter, whoever says most: each is right or out of date."""
    return f"max by (source) ({metric}{{{_OF}}})"


def _stat(title: str, expression: str, thresholds, unit: str = "short", about: str = "") -> Panel:
    return Panel(
        title,
        [Query(expression)],
        unit=unit,
        kind="stat",
        about=about,
        width=4,
        height=4,
        thresholds=thresholds,
    )


_STATE = [
    Panel(
        "What is wrong",
        [
            Query(f"order_saga:outbox_healthy{{{_OF}}} * 0", "{{source}}: healthy"),
            Query(f"order_saga:outbox_problem{{{_OF}}}", "{{source}}: {{problem}}"),
        ],
        kind="state-timeline",
        about="Green while nothing is wrong with a source, and a red row for each problem while it "
        "lasts. docs/runbooks says what each of them means and how it is mended.",
        width=24,
        height=8,
        thresholds=_BAD_ABOVE_0,
    ),
    _stat(
        "Oldest unpublished event",
        f"max({_largest('outbox_oldest_unpublished_age_seconds')})",
        [(None, "green"), (15, "orange"), (60, "red")],
        unit="s",
    ),
    _stat(
        "Unpublished events",
        f"sum({_largest('outbox_unpublished_events')})",
        [(None, "green"), (100_000, "orange")],
    ),
    _stat(
        "Sources that are streamed",
        f"sum({_largest('outbox_slot_active')})",
        [(None, "red"), (1, "green")],
    ),
    _stat("Parked keys", f"sum({_largest('outbox_parked_keys')})", _BAD_ABOVE_0),
    _stat(
        "WAL budget used",
        f"max({_largest('outbox_wal_budget_used_ratio')})",
        [(None, "green"), (0.5, "orange"), (0.8, "red")],
        unit="percentunit",
    ),
    _stat(
        "Oldest canary",
        "max(min by (service) (outbox_canary_age_seconds))",
        [(None, "green"), (10, "orange"), (30, "red")],
        unit="s",
        about="Each service sends one a second through its outbox to the order service.",
    ),
]

_LAG = [
    Panel(
        "Age of the oldest unpublished event",
        [Query(_largest("outbox_oldest_unpublished_age_seconds"), "{{source}}")],
        unit="s",
    ),
    Panel("Unpublished events", [Query(_largest("outbox_unpublished_events"), "{{source}}")]),
    Panel(
        "Canaries' ages",
        [Query("min by (service) (outbox_canary_age_seconds)", "{{service}}")],
        unit="s",
    ),
    Panel(
        "Published events",
        [Query(rate_of("outbox_published_events_total", _OF, "source"), "{{source}}")],
        unit="eps",
    ),
    Panel(
        "From commit to Kafka's acknowledgement",
        quantiles("outbox_commit_to_ack_seconds", _OF, ["source"], "{{source}}"),
        unit="s",
    ),
    Panel(
        "Since Kafka's last acknowledgement",
        [
            Query(
                f"time() - max by (source) (outbox_last_ack_timestamp_seconds{{{_OF}}})",
                "{{source}}",
            )
        ],
        unit="s",
        about="Rises on a source where nothing is written, too: canaries see to it that none is.",
    ),
]

_CAUSES = [
    Panel(
        "Who streams",
        [
            Query(_largest("outbox_slot_active"), "{{source}}: slot active"),
            Query(_largest("outbox_relay_active"), "{{source}}: a relay says so"),
        ],
    ),
    Panel(
        "Log that Postgres keeps",
        [
            Query(_largest("outbox_slot_retained_wal_bytes"), "{{source}}"),
            Query(_largest("outbox_slot_unconfirmed_wal_bytes"), "{{source}}, unconfirmed"),
        ],
        unit="bytes",
    ),
    Panel(
        "WAL budget used",
        [Query(_largest("outbox_wal_budget_used_ratio"), "{{source}}")],
        unit="percentunit",
        thresholds=[(None, "green"), (0.5, "orange"), (0.8, "red")],
    ),
    Panel(
        "Parked",
        [
            Query(_largest("outbox_parked_keys"), "{{source}}: keys"),
            Query(_largest("outbox_parked_events"), "{{source}}: events"),
        ],
    ),
    Panel(
        "Refused events and reconnects",
        [
            Query(
                f"sum by (source) (increase(outbox_publish_failures_total{{{_OF}}}[5m]))",
                "{{source}}: refused in 5 min",
            ),
            Query(
                f"sum by (source) (increase(outbox_relay_stream_starts_total{{{_OF}}}[5m]))",
                "{{source}}: streams begun in 5 min",
            ),
        ],
    ),
    Panel(
        "Missing topics",
        [
            Query(_largest("outbox_missing_topic_wait_seconds"), "{{source}}: seconds waited"),
            Query(_largest("outbox_missing_topics"), "{{source}}: with parked keys"),
        ],
    ),
]

_LIMITS = [
    Panel(
        "What the relay's loop does",
        [
            Query(
                rate_of("outbox_relay_stage_seconds_total", _OF, "source, stage"),
                "{{source}} {{stage}}",
            )
        ],
        unit="percentunit",
        about="When a source's stages together come near 100 %, its thread is the limit.",
        stacked=True,
    ),
    Panel(
        "The outbox on disk",
        [Query(_largest("outbox_table_bytes"), "{{source}}")],
        unit="bytes",
    ),
    Panel(
        "Partitions for the days ahead",
        [Query(f"min by (source) (outbox_future_partitions{{{_OF}}})", "{{source}}")],
        thresholds=[(None, "red"), (2, "green")],
    ),
]

DASHBOARD = Dashboard(
    uid="order-saga-outbox",
    title="Outbox",
    about="Whether events leave the outboxes, and if not, why. Runbooks: docs/runbooks.",
    choices=[("source", "outbox_database_up", "source")],
    rows=[
        ("Does it lag, and why", _STATE),
        ("Lag", _LAG),
        ("Causes", _CAUSES),
        ("Limits", _LIMITS),
    ],
)

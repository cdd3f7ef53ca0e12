"""The outbox: does it lag, why, and what is near its limit."""

from panels import Dashboard, Panel, Query, quantiles, rate_of

_OF = 'source=~"$source"'
_BAD_ABOVE_0 = [(None, "green"), (1, "red")]
_WAL_BUDGET = [(None, "green"), (0.5, "orange"), (0.8, "red")]


def _largest(metric: str) -> str:
    """Of the relays and the lag exporter, whoever says most: each is right or out of date."""
    return f"max by (source) ({metric}{{{_OF}}})"


def _known(metric: str) -> str:
    """What comes from the database: while that is down, all say what they last saw, or nothing."""
    return f"{_largest(metric)} unless on (source) {_largest('outbox_database_up')} == 0"


def _stat(title: str, expression: str, thresholds, about: str, unit: str = "short") -> Panel:
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
            Query(f"order_saga:outbox_problem{{{_OF}}}", "{{source}}: {{problem}}"),
            # What the rules ask comes from the lag exporter: without it they find nothing wrong.
            Query("absent(outbox_database_up)", "all: no lag exporter"),
            Query("absent(outbox_relay_active)", "all: no relay"),
            Query(f"order_saga:outbox_healthy{{{_OF}}} * 0", "{{source}}: healthy"),
        ],
        kind="state-timeline",
        about="Green while nothing is wrong with a source, and a red row for each problem while "
        "it lasts. The table in docs/runbooks/README.md leads from a row to what to do.",
        width=24,
        height=9,
        thresholds=_BAD_ABOVE_0,
    ),
    _stat(
        "Oldest unpublished event",
        f"max({_known('outbox_oldest_unpublished_age_seconds')})",
        [(None, "green"), (15, "orange"), (60, "red")],
        "Of the source that is furthest behind. Events are published within a second; an alarm "
        "comes above 60 s. Sources whose database is down are not among them: nobody knows.",
        unit="s",
    ),
    _stat(
        "Unpublished events",
        f"sum({_known('outbox_unpublished_events')})",
        [(None, "green"), (100_000, "orange")],
        "Of all sources. They are in the database and nowhere else yet; none of them is lost.",
    ),
    _stat(
        "Sources not streamed",
        f"count({_largest('outbox_database_up')}) - "
        f"(sum({_known('outbox_slot_active')}) or vector(0))",
        _BAD_ABOVE_0,
        "Databases from whose slot no relay reads, or that are down; the lag exporter says so.",
    ),
    _stat(
        "Parked keys",
        f"sum({_known('outbox_parked_keys')})",
        _BAD_ABOVE_0,
        "Kafka has refused an event of each: what follows of the key waits for a person.",
    ),
    _stat(
        "WAL budget used",
        f"max({_known('outbox_wal_budget_used_ratio')})",
        _WAL_BUDGET,
        "Of the source that is nearest to its limit. At 100 % Postgres gives the slot up, or the "
        "disk fills.",
        unit="percentunit",
    ),
    _stat(
        "Oldest canary",
        "max(min by (service) (outbox_canary_age_seconds))",
        [(None, "green"), (10, "orange"), (30, "red")],
        "Each service sends one a second through its outbox to the order service: the whole way, "
        "as an order's messages go it.",
        unit="s",
    ),
]

_LAG = [
    Panel(
        "Age of the oldest unpublished event",
        [Query(_known("outbox_oldest_unpublished_age_seconds"), "{{source}}")],
        unit="s",
        about="A straight rise: nothing goes out. A flat line above 0: as much goes out as comes "
        "in.",
        thresholds=[(None, "green"), (60, "red")],
    ),
    Panel(
        "Unpublished events",
        [Query(_known("outbox_unpublished_events"), "{{source}}")],
        about="How much there is to catch up with; what is published in a second is below.",
        thresholds=[(None, "green"), (100_000, "red")],
        up_to=100,
    ),
    Panel(
        "Canaries' ages",
        [Query("min by (service) (outbox_canary_age_seconds)", "{{service}}")],
        unit="s",
        about="Late, and nothing is unpublished: Kafka or the order service's inbox is what is "
        "slow.",
        thresholds=[(None, "green"), (30, "red")],
        up_to=5,
    ),
    Panel(
        "Published events",
        [
            Query(
                # A dead relay counts nothing, and its source has a slot all the same.
                f"{rate_of('outbox_published_events_total', _OF, 'source')} "
                f"or 0 * ({_known('outbox_slot_active')})",
                "{{source}}",
            )
        ],
        unit="eps",
        about="Four sources at rest publish a canary a second each.",
    ),
    Panel(
        "From commit to Kafka's acknowledgement",
        quantiles("outbox_commit_to_ack_seconds", _OF, "source"),
        unit="s",
        about="Of events that went out. High after an outage, as long as what waited goes out.",
        up_to=0.1,
    ),
    Panel(
        "Since Kafka's last acknowledgement",
        [
            Query(
                # A dead relay's last one stays known for an hour.
                "time() - max by (source) "
                f"(last_over_time(outbox_last_ack_timestamp_seconds{{{_OF}}}[1h]))",
                "{{source}}",
            )
        ],
        unit="s",
        about="Rises on a source where nothing is written, too: canaries see to it that none is.",
        up_to=5,
    ),
]

_CAUSES = [
    Panel(
        "Who streams",
        [
            Query(f"1 - ({_known('outbox_slot_active')})", "{{source}}: slot"),
            Query(f"1 - {_largest('outbox_relay_active')}", "{{source}}: relay"),
        ],
        kind="state-timeline",
        about="slot: green while Postgres sends its log to somebody. relay: green while one says "
        "that it streams, red while one runs and does not; none runs where nothing is drawn.",
        thresholds=_BAD_ABOVE_0,
    ),
    Panel(
        "Log that Postgres keeps",
        [Query(_known("outbox_slot_retained_wal_bytes"), "{{source}}")],
        unit="bytes",
        about="For each slot. A relay that is up to date lets it go; a long transaction holds it "
        "all the same.",
    ),
    Panel(
        "WAL budget used",
        [Query(_known("outbox_wal_budget_used_ratio"), "{{source}}")],
        unit="percentunit",
        about="How long there is time: where the rise meets 100 %, the slot is lost or the disk "
        "is full.",
        thresholds=_WAL_BUDGET,
    ),
    Panel(
        "Parked keys, and what waits behind them",
        [
            Query(_known("outbox_parked_keys"), "{{source}}: keys"),
            Query(f"sum({_known('outbox_parked_events')})", "all: events"),
            Query(f"sum({_largest('outbox_missing_topics')})", "all: missing topics"),
        ],
        about="`outbox-relay parked list` names the keys, why, and the fix. What is parked for a "
        "missing topic goes out by itself once the topic is there.",
    ),
    Panel(
        "Refused events, in 5 minutes",
        [
            Query(
                f"round(sum by (source) (increase(outbox_publish_failures_total{{{_OF}}}[5m])))",
                "{{source}}",
            )
        ],
        about="Events that Kafka does not take, however often they are sent: too large, not "
        "allowed, or of a topic that is not there.",
        thresholds=[(None, "green"), (1, "red")],
    ),
    Panel(
        "Waiting for a missing topic",
        [Query(_largest("outbox_missing_topic_wait_seconds"), "{{source}}")],
        unit="s",
        about="The whole source waits, as a topic is often made a moment later; then the keys are "
        "parked.",
    ),
    Panel(
        "Log that no relay has confirmed",
        [Query(_known("outbox_slot_unconfirmed_wal_bytes"), "{{source}}")],
        unit="bytes",
        about="What a relay would read again after a crash. Rises as the kept log does: nothing "
        "is acknowledged. Stays low meanwhile: an old transaction holds the log.",
        width=12,
    ),
    Panel(
        "Streams begun, in 5 minutes",
        [
            Query(
                f"round(sum by (source) (increase(outbox_relay_stream_starts_total{{{_OF}}}[5m])))",
                "{{source}}",
            )
        ],
        about="A relay's first is not counted. Again and again: the relay's log says what ends "
        "them.",
        width=12,
    ),
]

_LIMITS = [
    Panel(
        "How busy the relay is",
        [Query(rate_of("outbox_relay_stage_seconds_total", _OF, "source"), "{{source}}")],
        unit="percentunit",
        about="When a source comes near 100 %, its thread is the limit.",
        thresholds=[(None, "green"), (0.8, "orange")],
        width=6,
    ),
    Panel(
        "What the relay's loops do",
        [Query(rate_of("outbox_relay_stage_seconds_total", _OF, "stage"), "{{stage}}")],
        unit="percentunit",
        about="All sources together. receive: Postgres; produce and confirm: Kafka; decode and "
        "route: itself.",
        stacked=True,
        up_to=0.01,
        width=6,
    ),
    Panel(
        "The outbox on disk",
        [Query(_largest("outbox_table_bytes"), "{{source}}")],
        unit="bytes",
        about="Published rows are kept for some days (`--outbox_retention_days`), then their "
        "partition goes.",
        width=6,
    ),
    Panel(
        "Partitions for the days ahead",
        [Query(f"min by (source) (outbox_future_partitions{{{_OF}}})", "{{source}}")],
        about="The relay makes them. Below the line there is an alarm: without a partition rows "
        "go to DEFAULT.",
        thresholds=[(None, "green"), (2, "red")],
        width=6,
    ),
]

DASHBOARD = Dashboard(
    uid="order-saga-outbox",
    title="Outbox",
    about="Whether events leave the outboxes, and if not, why. Runbooks: docs/runbooks.",
    choices=[("source", "outbox_database_up", "source")],
    rows=[
        ("Does it lag, and why (what to do: docs/runbooks)", _STATE),
        ("Lag", _LAG),
        ("Causes", _CAUSES),
        ("Limits", _LIMITS),
    ],
)

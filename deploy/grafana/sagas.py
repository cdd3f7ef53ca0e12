"""Orders and their sagas, and the inboxes that carry them."""

from panels import Dashboard, Panel, Query, quantiles, rate_of

_BAD_ABOVE_0 = [(None, "green"), (1, "red")]


def _stat(title: str, expression: str, thresholds=None, unit: str = "short") -> Panel:
    return Panel(
        title,
        [Query(expression)],
        unit=unit,
        kind="stat",
        width=4,
        height=4,
        thresholds=thresholds or [],
    )


# Of several replicas each reads the same table: the largest counts.
_NOW = [
    _stat("Sagas under way", "max(saga_in_flight)"),
    _stat(
        "Oldest saga under way",
        "max(saga_oldest_in_flight_age_seconds)",
        [(None, "green"), (60, "orange"), (600, "red")],
        unit="s",
    ),
    _stat("Parked sagas", "max(saga_parked)", _BAD_ABOVE_0),
    _stat("Messages held back", "sum(max by (job) (inbox_parked))", _BAD_ABOVE_0),
    _stat("Dead letters, last hour", "sum(increase(inbox_dead_letters_total[1h]))", _BAD_ABOVE_0),
    _stat(
        "Messages not applied yet",
        "sum(inbox_consumer_lag)",
        [(None, "green"), (10_000, "orange")],
    ),
]

_SAGAS = [
    Panel(
        "Sagas begun and ended",
        [
            Query("sum(rate(saga_started_total[$__rate_interval]))", "begun"),
            Query(rate_of("saga_finished_total", "", "outcome"), "{{outcome}}"),
        ],
        unit="ops",
    ),
    Panel("From begin to end", quantiles("saga_duration_seconds", "", [], ""), unit="s"),
    Panel(
        "Under way",
        [
            Query("max(saga_in_flight)", "sagas"),
            Query("max(saga_parked)", "parked"),
        ],
    ),
    Panel(
        "CreateOrder, by code",
        [
            Query(
                rate_of("grpc_server_handled_total", 'grpc_method="CreateOrder"', "grpc_code")
                + " > 0",
                "{{grpc_code}}",
            )
        ],
        unit="reqps",
    ),
    Panel(
        "CreateOrder, time to answer",
        quantiles("grpc_server_handling_seconds", 'grpc_method="CreateOrder"', [], ""),
        unit="s",
    ),
    Panel(
        "Age of the oldest saga under way",
        [Query("max(saga_oldest_in_flight_age_seconds)", "oldest")],
        unit="s",
    ),
]

_INBOXES = [
    Panel(
        "Messages applied",
        [Query(rate_of("inbox_messages_total", "", "group, outcome"), "{{group}}: {{outcome}}")],
        unit="eps",
    ),
    Panel(
        "Consumer lag",
        [Query("sum by (group, topic) (inbox_consumer_lag)", "{{group}}: {{topic}}")],
    ),
    Panel(
        "Time for a batch",
        quantiles("inbox_batch_seconds", "", ["group"], "{{group}}"),
        unit="s",
    ),
    Panel(
        "Messages in a batch, mean",
        [
            Query(
                f"{rate_of('inbox_batch_messages_sum', '', 'group')} / "
                f"{rate_of('inbox_batch_messages_count', '', 'group')}",
                "{{group}}",
            )
        ],
    ),
    Panel(
        "Dead letters in 15 minutes",
        [Query("sum by (group) (increase(inbox_dead_letters_total[15m]))", "{{group}}")],
    ),
    Panel("Messages held back", [Query("max by (job) (inbox_parked)", "{{job}}")]),
    Panel("Inboxes on disk", [Query("max by (job) (inbox_table_bytes)", "{{job}}")], unit="bytes"),
    Panel(
        "Partitions for the days ahead",
        [Query("min by (job) (inbox_future_partitions)", "{{job}}")],
        thresholds=[(None, "red"), (2, "green")],
    ),
    Panel(
        "Rows in DEFAULT partitions",
        [
            Query("max by (job) (inbox_default_partition_rows)", "{{job}}: inbox"),
            Query("max by (source) (outbox_default_partition_rows)", "{{source}}: outbox"),
        ],
        about="Ids of no day: nobody empties these.",
    ),
]

DASHBOARD = Dashboard(
    uid="order-saga-sagas",
    title="Orders and sagas",
    about="How many orders come and end, how long they take, and what holds them up.",
    rows=[("Now", _NOW), ("Sagas", _SAGAS), ("Inboxes", _INBOXES)],
)

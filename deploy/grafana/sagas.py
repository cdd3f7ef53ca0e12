"""Orders and their sagas, and the inboxes that carry them."""

from alarms import alarms
from panels import Dashboard, Panel, Query, quantiles, rate_of

_BAD_ABOVE_0 = [(None, "green"), (1, "red")]
_APPLIED = 'outcome="applied"'
_NOT_APPLIED = 'outcome!="applied"'


def _stat(title: str, expression: str, about: str, thresholds=None, unit: str = "short") -> Panel:
    return Panel(
        title,
        [Query(expression)],
        about=about,
        unit=unit,
        kind="stat",
        width=3,
        height=4,
        thresholds=thresholds or [],
    )


# Of several replicas each reads the same table: the largest counts.
_NOW = [
    alarms("sagas.yml", "services.yml", "outbox.yml", by=("job", "program", "group")),
    _stat(
        "Services that answer",
        'count(count by (program) (order_saga_build_info{program=~".+-service"}))',
        "Of four. What the others export (their lag, what they hold back) is in no number here.",
        [(None, "red"), (4, "green")],
    ),
    _stat(
        "Orders placed",
        'sum(rate(grpc_server_handled_total{grpc_method="CreateOrder", grpc_code="OK"}[1m]))',
        "CreateOrder with code OK, in the last minute. One that is repeated counts again.",
        unit="reqps",
    ),
    _stat(
        "Sagas under way",
        "max(saga_in_flight)",
        "Orders that are not decided yet, and decided ones that are being settled or undone.",
    ),
    _stat(
        "Oldest saga under way",
        "max(saga_oldest_in_flight_age_seconds)",
        "A second or two when all is well. Rises a second a second: a service, a relay or Kafka "
        "is away.",
        [(None, "green"), (60, "orange"), (600, "red")],
        unit="s",
    ),
    _stat(
        "Parked sagas",
        "max(saga_parked)",
        "Each waits for an operator: docs/runbooks/saga_parked.md.",
        _BAD_ABOVE_0,
    ),
    _stat(
        "Messages held back",
        "sum(max by (job) (inbox_parked))",
        "Could be read but not applied; they wait with what follows of the same saga: "
        "docs/runbooks/inbox_parked.md.",
        _BAD_ABOVE_0,
    ),
    _stat(
        "Dead letters, last hour",
        "round(sum(increase(inbox_dead_letters_total[1h])))",
        "Messages that could not be read: docs/runbooks/dead_letters.md.",
        _BAD_ABOVE_0,
    ),
    _stat(
        "Messages not applied yet",
        "sum(inbox_consumer_lag)",
        "Of the services that answer: one that is dead does not say how far behind it is.",
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
        about="compensated: the order was rejected, and what had been done for it is undone.",
    ),
    Panel(
        "From begin to end",
        quantiles("saga_duration_seconds", ""),
        unit="s",
        about="Of sagas that ended. After an outage those that waited through it end.",
    ),
    Panel(
        "Under way",
        [
            Query("max(saga_in_flight)", "sagas"),
            Query("max(saga_parked)", "parked"),
        ],
        about="A straight rise: they begin, and none ends.",
        up_to=10,
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
        about="An order that is rejected later was placed all the same: it is OK here.",
    ),
    Panel(
        "CreateOrder, time to answer",
        quantiles("grpc_server_handling_seconds", 'grpc_method="CreateOrder"'),
        unit="s",
        about="Only the database of the order service is waited for, unless the call has a "
        "wait_timeout.",
        up_to=0.1,
    ),
    Panel(
        "Age of the oldest saga under way",
        [Query("max(saga_oldest_in_flight_age_seconds)", "oldest")],
        unit="s",
        about="An alarm comes above 10 minutes: retries and time-outs mend what is shorter.",
        thresholds=[(None, "green"), (600, "red")],
    ),
]

_INBOXES = [
    Panel(
        "Messages applied",
        [Query(rate_of("inbox_messages_total", _APPLIED, "group"), "{{group}}")],
        unit="eps",
        about="By consumer group. One that falls to 0 under load stands still; one that ends is "
        "dead.",
    ),
    Panel(
        "Messages not applied, by why",
        [Query(rate_of("inbox_messages_total", _NOT_APPLIED, "outcome"), "{{outcome}}")],
        unit="eps",
        about="duplicate: had been applied before, as after any restart. parked: held back. "
        "dead_letter: could not be read.",
    ),
    Panel(
        "Time for a batch",
        quantiles("inbox_batch_seconds", "", "group"),
        unit="s",
        about="Grows when the database is slow.",
        up_to=0.1,
    ),
    Panel(
        "Consumer lag",
        [Query("sum by (group, topic) (inbox_consumer_lag)", "{{topic}}")],
        about="Messages in a topic that its reader has not applied. The reader says so itself: a "
        "dead one's line ends.",
        thresholds=[(None, "green"), (10_000, "red")],
        up_to=100,
        width=16,
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
        about="Grows when more comes than is applied one by one.",
        up_to=10,
    ),
    Panel(
        "Dead letters in 15 minutes",
        [Query("round(sum by (group) (increase(inbox_dead_letters_total[15m])))", "{{group}}")],
        about="The log of the group's service names topic and offset of each, and why.",
        thresholds=[(None, "green"), (1, "red")],
    ),
    Panel(
        "Messages held back",
        [Query("max by (job) (inbox_parked)", "{{job}}")],
        about="With what follows of the same saga; docs/runbooks/inbox_parked.md. Nothing else "
        "waits for them.",
        thresholds=[(None, "green"), (1, "red")],
    ),
    Panel(
        "Inboxes on disk",
        [Query("max by (job) (inbox_table_bytes)", "{{job}}")],
        unit="bytes",
        about="Ids of applied messages are kept for some weeks (`--inbox_window_days`).",
    ),
    Panel(
        "Partitions for the days ahead",
        [Query("min by (job) (inbox_future_partitions)", "{{job}}")],
        about="Each service makes its own. Below the line there is an alarm.",
        thresholds=[(None, "green"), (2, "red")],
    ),
    Panel(
        "Rows in DEFAULT partitions",
        [
            Query("max by (job) (inbox_default_partition_rows)", "{{job}}: inbox"),
            Query("max by (source) (outbox_default_partition_rows)", "{{source}}: outbox"),
        ],
        about="Ids of no day: nobody empties these.",
        thresholds=[(None, "green"), (1, "red")],
        width=16,
    ),
]

DASHBOARD = Dashboard(
    uid="order-saga-sagas",
    title="Orders and sagas",
    about="How many orders come and end, how long they take, and what holds them up.",
    rows=[
        ("Now (what to do: docs/runbooks)", _NOW),
        ("Sagas", _SAGAS),
        ("Inboxes", _INBOXES),
    ],
)

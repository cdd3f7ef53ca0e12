"""Each service: rate, errors, duration of its calls, and how full it is."""

from alarms import alarms
from panels import Dashboard, Panel, Query, quantiles, rate_of

_SERVICE = 'grpc_service=~"$grpc_service"'
_PROCESSES = 'job=~"$job"'
_PROCESS = "{{job}} {{instance}}"

_READY = [
    Panel(
        "Not ready",
        [
            Query(
                f"1 - min by (job, instance, check) (order_saga_ready{{{_PROCESSES}}} == 0)",
                "{{job}} {{instance}}: {{check}}",
            ),
            Query(
                # Of those that answered within the hour.
                f"group by (job) (last_over_time(order_saga_ready{{{_PROCESSES}}}[1h])) "
                f"unless on (job) order_saga_ready{{{_PROCESSES}}}",
                "{{job}}: does not answer",
            ),
            Query(
                f"0 * min by (job) (order_saga_ready{{{_PROCESSES}}} == 1)",
                "{{job}}",
            ),
        ],
        kind="state-timeline",
        about="A red row for each check of /readyz that fails (a schema that is behind or ahead, "
        "a database or topics that are away: /readyz and the log say why, with the fix), and for "
        "each program that does not answer. Green: a program that answers.",
        width=24,
        height=8,
        thresholds=[(None, "green"), (1, "red")],
    ),
    alarms("services.yml", by=("job", "program", "grpc_service")),
]

_CALLS = [
    Panel(
        "Calls",
        [
            Query(
                rate_of("grpc_server_handled_total", _SERVICE, "grpc_service, grpc_method")
                + " > 0",
                "{{grpc_method}}",
            )
        ],
        unit="reqps",
        about="By method; those that nobody calls are left out.",
    ),
    Panel(
        "Calls by code",
        [
            Query(
                rate_of("grpc_server_handled_total", _SERVICE, "grpc_service, grpc_code") + " > 0",
                "{{grpc_service}} {{grpc_code}}",
            )
        ],
        unit="reqps",
        about="Unavailable: the database is away. ResourceExhausted: it is full. What callers did "
        "wrong is InvalidArgument, NotFound, FailedPrecondition.",
    ),
    Panel(
        "Errors of ours among all calls",
        [
            Query(f"order_saga:grpc_errors:ratio5m{{{_SERVICE}}}", "{{grpc_service}} 5 min"),
            Query(f"order_saga:grpc_errors:ratio1h{{{_SERVICE}}}", "{{grpc_service}} 1 h"),
        ],
        unit="percentunit",
        about="What callers did wrong is not counted. The goal is 0.1 %; at 1.44 % in both "
        "windows an alarm comes.",
        thresholds=[(None, "green"), (0.001, "orange"), (0.0144, "red")],
        up_to=0.02,
    ),
    Panel(
        "Time to answer",
        quantiles("grpc_server_handling_seconds", _SERVICE + ', grpc_type="unary"', "grpc_service"),
        unit="s",
        about="CreateOrder with wait_timeout waits for the order's end.",
        up_to=0.1,
    ),
    Panel(
        "Calls under way",
        [
            Query(
                f"sum by (grpc_service) (grpc_server_started_total{{{_SERVICE}}}) - "
                f"sum by (grpc_service) (grpc_server_handled_total{{{_SERVICE}}})",
                "{{grpc_service}}",
            )
        ],
        about="Those that watch an order or wait for its end are among them.",
        up_to=10,
    ),
    Panel(
        "Calls committed together, mean",
        [
            Query(
                f"{rate_of('group_commit_calls_sum', _PROCESSES, 'door')} / "
                f"{rate_of('group_commit_calls_count', _PROCESSES, 'door')}",
                "{{door}}",
            )
        ],
        about="More calls at once make larger groups: near the limit the database is what is full.",
        up_to=10,
    ),
]

_SATURATION = [
    Panel(
        "Database connections in use",
        [
            Query(
                f"max by (job, pool) (postgres_pool_connections_in_use{{{_PROCESSES}}} / "
                f"postgres_pool_connections_max{{{_PROCESSES}}})",
                "{{job}} {{pool}}",
            )
        ],
        unit="percentunit",
        about="Of the replica that uses most. At 100 % for long, callers wait for one.",
    ),
    Panel(
        "CPU",
        [
            Query(
                f"rate(process_cpu_seconds_total{{{_PROCESSES}}}[$__rate_interval])",
                _PROCESS,
            )
        ],
        unit="percentunit",
        about="100 % is one core.",
        up_to=0.1,
    ),
    Panel(
        "Memory",
        [Query(f"process_resident_memory_bytes{{{_PROCESSES}}}", _PROCESS)],
        unit="bytes",
        about="Resident. The container's limit is what it may not reach: see the peak.",
    ),
    Panel(
        "Memory at its peak",
        [Query(f"max by (job) (process_peak_resident_memory_bytes{{{_PROCESSES}}})", "{{job}}")],
        unit="bytes",
        about="The most that a replica has had since it started: what the limit must leave room "
        "for.",
    ),
    Panel(
        "Threads",
        [Query(f"process_threads{{{_PROCESSES}}}", _PROCESS)],
        about="Steady. A rise without end is a leak.",
    ),
    Panel(
        "Open file descriptors",
        [Query(f"process_open_fds{{{_PROCESSES}}}", _PROCESS)],
        about="Grows with clients and brokers. A rise without end is a leak.",
    ),
    Panel(
        "Up for",
        [Query(f"time() - process_start_time_seconds{{{_PROCESSES}}}", _PROCESS)],
        unit="s",
        about="Falls to 0 at every restart.",
    ),
    Panel(
        "Versions",
        [
            Query(
                f"0 * count by (job, version) (order_saga_build_info{{{_PROCESSES}}})",
                "{{job}} {{version}}",
            )
        ],
        kind="state-timeline",
        about="Two rows of one program at once: a rolling upgrade is under way.",
        width=16,
    ),
]

DASHBOARD = Dashboard(
    uid="order-saga-services",
    title="Services",
    about="Rate, errors, duration and saturation of each service and of the relay.",
    choices=[
        ("grpc_service", "grpc_server_started_total", "grpc_service"),
        ("job", "order_saga_build_info", "job"),
    ],
    rows=[
        ("Ready (what to do: docs/runbooks)", _READY),
        ("Calls", _CALLS),
        ("Saturation", _SATURATION),
    ],
)

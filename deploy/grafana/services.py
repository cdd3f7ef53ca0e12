"""Each service: rate, errors, duration of its calls, and how full it is."""

from panels import Dashboard, Panel, Query, quantiles, rate_of

_SERVICE = 'grpc_service=~"$grpc_service"'
_PROCESSES = 'job=~"$job"'

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
    ),
    Panel(
        "Errors of ours among all calls",
        [
            Query(f"order_saga:grpc_errors:ratio5m{{{_SERVICE}}}", "{{grpc_service}} 5 min"),
            Query(f"order_saga:grpc_errors:ratio1h{{{_SERVICE}}}", "{{grpc_service}} 1 h"),
        ],
        unit="percentunit",
        about="What callers did wrong is not counted. The goal is 0.1 %.",
        thresholds=[(None, "green"), (0.001, "orange"), (0.0144, "red")],
    ),
    Panel(
        "Time to answer",
        quantiles(
            "grpc_server_handling_seconds",
            _SERVICE + ', grpc_type="unary"',
            ["grpc_service"],
            "{{grpc_service}}",
        ),
        unit="s",
        about="CreateOrder with wait_timeout waits for the order's end.",
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
    ),
]

_READY = [
    Panel(
        "Not ready",
        [
            Query(
                f"1 - min by (job, instance, check) (order_saga_ready{{{_PROCESSES}}})",
                "{{job}} {{instance}}: {{check}}",
            )
        ],
        kind="state-timeline",
        about="Red while a check of /readyz fails: a schema that is behind or ahead, a database or "
        "topics that are away. /readyz and the log say why, with the fix.",
        width=24,
        height=7,
        thresholds=[(None, "green"), (1, "red")],
    ),
]

_SATURATION = [
    Panel(
        "Database connections in use",
        [
            Query(
                f"postgres_pool_connections_in_use{{{_PROCESSES}}} / "
                f"postgres_pool_connections_max{{{_PROCESSES}}}",
                "{{instance}} {{pool}}",
            )
        ],
        unit="percentunit",
        about="At 100 % callers wait for one.",
    ),
    Panel(
        "CPU",
        [
            Query(
                f"rate(process_cpu_seconds_total{{{_PROCESSES}}}[$__rate_interval])",
                "{{job}} {{instance}}",
            )
        ],
        unit="percentunit",
        about="100 % is one core.",
    ),
    Panel(
        "Memory",
        [
            Query(f"process_resident_memory_bytes{{{_PROCESSES}}}", "{{job}} {{instance}}"),
            Query(
                f"process_peak_resident_memory_bytes{{{_PROCESSES}}}", "{{job}} {{instance}} peak"
            ),
        ],
        unit="bytes",
    ),
    Panel("Threads", [Query(f"process_threads{{{_PROCESSES}}}", "{{job}} {{instance}}")]),
    Panel(
        "Open file descriptors",
        [Query(f"process_open_fds{{{_PROCESSES}}}", "{{job}} {{instance}}")],
    ),
    Panel(
        "Up for",
        [Query(f"time() - process_start_time_seconds{{{_PROCESSES}}}", "{{job}} {{instance}}")],
        unit="s",
        about="Falls to 0 at every restart.",
    ),
    Panel(
        "Versions",
        [Query("count by (program, version) (order_saga_build_info)", "{{program}} {{version}}")],
        about="Two of one program: a rolling upgrade is under way.",
        width=24,
        height=6,
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
    rows=[("Ready", _READY), ("Calls", _CALLS), ("Saturation", _SATURATION)],
)

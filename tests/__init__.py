"""What needs several programs, or looks at the whole tree. See tests/README.md."""

import os

# Before gRPC is imported: its handlers run in a forked child until that becomes the server it is to
# be, and crash there now and then while our threads are in calls.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

"""What the C++ sources include: for the layering test."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from devtools import folders, lint

SERVICES = ("order-service", "product-service", "customer-service", "kitchen-service")
PROGRAMS = (*SERVICES, "outbox-relay")

_INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


@dataclass(frozen=True)
class Include:
    """`file` includes `header`, at a line."""

    file: PurePosixPath
    line: int
    header: str
    system: bool

    @property
    def room(self) -> str:
        """Who includes: "libs/outbox", "order-service"."""
        return room(self.file)

    def __str__(self) -> str:
        return f"{self.file}:{self.line} includes {self.header}"


def room(path: PurePosixPath) -> str:
    return "/".join(path.parts[:2]) if path.parts[0] == "libs" else path.parts[0]


def is_test(path: PurePosixPath) -> bool:
    """A test, or what only tests include."""
    return (
        bool(re.search(r"_(test|pgtest|kafkatest|testing)$", path.stem)) or "testing" in path.parts
    )


def sources() -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in lint.tracked_files(".cc", ".h")]


def includes() -> list[Include]:
    found = []
    for path in sources():
        text = (folders.ROOT / path).read_text()
        for number, line in enumerate(text.splitlines(), 1):
            match = _INCLUDE.match(line)
            if match:
                found.append(Include(path, number, match[1] or match[2], match[2] is not None))
    return found

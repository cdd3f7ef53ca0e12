"""TCP ports on this machine: finding free ones, and saying who holds a taken one."""

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port, as far as this user may see."""

    pid: int | None
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})" if self.pid else self.command


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different.

    They come from below the kernel's range for outgoing connections, so that a connection made
    between this call and the server's bind does not take one.
    """
    lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    low, high = (10000, lowest_outgoing) if lowest_outgoing > 20000 else (40000, 65000)
    found: list[int] = []
    while len(found) < count:
        port = low + int.from_bytes(os.urandom(4), "big") % (high - low)
        if port not in found and is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    """True if a server could bind the port on the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """True if something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def holder(port: int) -> Holder:
    """Who listens on the port."""
    inodes = {
        inode
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for inode in listening_inodes(_read(table), port)
    }
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for descriptor in (process / "fd").iterdir():
                match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
                if match and match[1] in inodes:
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    command = b" ".join(words).decode(errors="replace").strip()
                    return Holder(int(process.name), command[:120] or "?")
        except OSError:
            continue  # another user's process, or one that has just ended
    return Holder(None, f"another user's process: sudo ss -ltnp 'sport = :{port}' shows it")


def listening_inodes(table: str, port: int) -> list[str]:
    """The socket inodes that listen on `port`, from the text of /proc/net/tcp."""
    inodes = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            inodes.append(fields[9])
    return inodes


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""

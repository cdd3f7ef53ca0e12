"""Reading the programs' /metrics and /readyz."""

import re
import urllib.error
import urllib.request

_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def parse(text: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples of Prometheus's text format: name, labels, value."""
    samples = []
    for line in text.splitlines():
        found = _SAMPLE.match(line)
        if found and not line.startswith("#"):
            labels = dict(_LABEL.findall(found["labels"] or ""))
            samples.append((found["name"], labels, float(found["value"])))
    return samples


def get(address: str, path: str, *, timeout_seconds: float = 2) -> tuple[int, str]:
    """HTTP status and body; status 0 if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=timeout_seconds) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)

"""`--write` makes deploy/grafana/dashboards/*.json, `--check` says whether they are up to date.

What is on them is in outbox.py, sagas.py and services.py.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import outbox  # noqa: E402
import sagas  # noqa: E402
import services  # noqa: E402

FOLDER = Path(__file__).parent / "dashboards"
ALL = (outbox.DASHBOARD, sagas.DASHBOARD, services.DASHBOARD)


def main() -> int:
    wanted = {
        FOLDER / f"{dashboard.uid}.json": json.dumps(dashboard.json(), indent=1) + "\n"
        for dashboard in ALL
    }
    there = {path: path.read_text() for path in FOLDER.glob("*.json")}
    if sys.argv[1:] == ["--write"]:
        FOLDER.mkdir(exist_ok=True)
        for path in there.keys() - wanted.keys():
            path.unlink()
        for path, text in wanted.items():
            path.write_text(text)
        return 0
    different = [p.name for p in sorted(there | wanted) if there.get(p) != wanted.get(p)]
    if different:
        print(f"not what deploy/grafana/*.py describes: {', '.join(different)}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

"""`./dev lint`: what can be checked without building."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from devtools import console, folders, lint_manifests, lint_prometheus


def run(*, fix: bool) -> int:
    """Answers 0 if nothing is wrong. A check whose tool is missing says so and fails nothing."""
    failed, skipped = [], []
    checks = (
        ("formatting", lambda: _formatting(fix)),
        ("layering", _layering),
        ("protos", _protos),
        ("manifests", lint_manifests.check),
        ("monitoring", lambda: lint_prometheus.monitoring(fix)),
    )
    for name, check in checks:
        problem = check()
        if problem is None:
            skipped.append(name)
            continue
        console.say(f"{'✗' if problem else '✓'} {name}" + (f": {problem}" if problem else ""))
        if problem:
            failed.append(name)
    passed = len(checks) - len(failed) - len(skipped)
    console.say(
        f"{passed} passed, {len(failed)} failed"
        + (f", {len(skipped)} skipped ({', '.join(skipped)})" if skipped else "")
    )
    return 1 if failed else 0


def tracked_files(*endings: str) -> list[str]:
    """The files that git knows, or would if asked, relative to the checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folders.ROOT, capture_output=True, text=True, check=True)
    return sorted(
        name
        for name in set(listed.stdout.splitlines())
        if name.endswith(endings) and (folders.ROOT / name).is_file()
    )


def _formatting(fix: bool) -> str:
    sources = tracked_files(".cc", ".h")
    if not sources:
        return ""
    mode = ["-i"] if fix else ["--dry-run", "--Werror"]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "clang-format"), *mode, *sources],
        cwd=folders.ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return ""
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error: " in line})
    return f"{len(wrong)} files ({', '.join(wrong[:8])} …). ./dev lint --fix mends them."


def _layering() -> str:
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "tests/test_layering.py"]
    done = subprocess.run(command, cwd=folders.ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"\n{done.stdout}"


def _protos() -> str | None:
    if shutil.which("npx") is None:
        console.say(
            "– protos are not linted: buf comes through npm, which is missing (apt-get install npm)"
        )
        return None
    return _buf("lint", "proto") or _breaking()


def _breaking() -> str:
    """What is released, or on its way to it, still reads what the new protos write."""
    names = ("origin/main", "main")
    for name in names:
        command = ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
        found = subprocess.run(command, cwd=folders.ROOT, capture_output=True, text=True)
        if found.returncode == 0:
            # The repository itself: a worktree has only a pointer to it.
            command = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
            git = subprocess.run(command, cwd=folders.ROOT, capture_output=True, text=True, check=True)
            against = f"{git.stdout.strip()}#format=git,ref={found.stdout.strip()},subdir=proto"
            return _buf("breaking", "proto", "--against", against)
    console.say(f"  protos are compared with nothing: there is no {' and no '.join(names)}")
    return ""


def _buf(*arguments: str) -> str:
    command = ["npx", "--yes", "@bufbuild/buf@1", *arguments]
    environment = {**os.environ, "npm_config_cache": str(folders.cache() / "npm")}
    done = subprocess.run(
        command, cwd=folders.ROOT, capture_output=True, text=True, env=environment
    )
    return "" if done.returncode == 0 else f"\n{done.stdout}{done.stderr}"

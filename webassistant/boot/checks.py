"""What `make check` runs: everything about the code that needs no test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from webassistant import services
from webassistant.boot.installation import ROOT

# What is said, and what runs; each must end with code 0.
CHECKS: dict[str, tuple[str, ...]] = {
    "format": ("-m", "ruff", "format", "--check", "."),
    "lint": ("-m", "ruff", "check", "."),
    "types": ("-m", "mypy"),
    "imports": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
    "protocol": ("manage.py", "export_protocol", "--check"),
    "migrations": ("manage.py", "makemigrations", "--check", "--dry-run"),
    "translations": ("-m", "tools.translations", "--check"),
}


def run_all(folder: Path) -> int:
    """Run every check, with a database for those that ask one; 1 when any failed."""
    postgres = services.start_postgres(folder, durable=False)
    environment = os.environ | {
        "DATABASE_URL": postgres.url,
        "SECRET_KEY": "for checks only",
        "VAR_DIR": str(folder),
        "DEMO": "1",
    }
    failed = []
    try:
        for name, arguments in CHECKS.items():
            print(f"\n== {name}", flush=True)
            begun = time.monotonic()
            command = [sys.executable, *arguments]
            if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
                failed.append(name)
            print(f"   {time.monotonic() - begun:.1f} s", flush=True)
    finally:
        postgres.stop()
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall checks passed")
    return 1 if failed else 0

"""What a process that meets a stranger's bytes is given: little memory, little time, no secret.

Such a process (`documents.child`, `webpages.child`) is started with `START`, calls `limit_itself`
before it reads anything, and knows no Django.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Any

# Of the project's environment nothing is passed on.
START: dict[str, Any] = {
    "cwd": Path(__file__).resolve().parents[1],
    "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
}
# How long a process that has used up its time is given to say so.
GRACE_SECONDS = 5


def limit_itself(memory_bytes: int, cpu_seconds: int) -> None:
    """Take no more than this of the machine, whatever comes, and write no file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + GRACE_SECONDS))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))

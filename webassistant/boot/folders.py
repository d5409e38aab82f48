"""Folders that only their user may enter, for the data and the sockets of our own servers."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from pathlib import Path

from webassistant.boot.child import Account, BootError, run_as

# Where PostgreSQL lives when we are root and the data folder is in a home that only root may enter.
SYSTEM_FOLDER = Path("/var/lib/webassistant")
# A Unix socket's path has room for 107 bytes, and PostgreSQL adds `/.s.PGSQL.5432.lock`.
LONGEST_SOCKET_FOLDER = 85


def own_folder(folder: Path, account: Account | None) -> None:
    """Make a folder that only its user enters; refuse one that somebody else made first."""
    owner = account.uid if account else os.geteuid()
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
            raise BootError(
                f"{folder} belongs to another user. Run this as that user, or set VAR_DIR."
            )
        # With our group: root without its special rights can still reach the socket.
        if account:
            os.chown(folder, account.uid, os.getegid())
        folder.chmod(0o710 if account else 0o700)
    except PermissionError as error:
        raise BootError(
            f"{folder} cannot be used: {error.strerror}. Run this as its owner, or set VAR_DIR."
        ) from error


def socket_folder(wanted: Path) -> Path:
    """A folder for sockets: the wanted one, or a short one when that is too long."""
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_FOLDER:
        return wanted
    return Path("/tmp") / f"webassistant-{os.geteuid()}-{short_hash(str(wanted))}"


def hidden_folder(var: Path) -> Path:
    return SYSTEM_FOLDER / short_hash(str(var.resolve()))


def data_folders(var: Path) -> list[Path]:
    """Everything this module may have made for `var`, for the command that deletes it."""
    return [var, hidden_folder(var)]


def may(account: Account, test: str, path: Path) -> bool:
    """Whether the account can do what `test` (a flag of test(1)) asks with the path."""
    answer = subprocess.run(["test", test, str(path)], cwd="/", check=False, **run_as(account))
    return answer.returncode == 0


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]

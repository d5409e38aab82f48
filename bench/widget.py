"""What a page that shows the widget loads, compressed as it travels."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from bench.measure import Table, against
from bench.place import Place
from webassistant.boot.installation import ROOT

STATIC = ROOT / "static"
# The loader is all that a page pays before anybody opens the chat.
GOAL_LOADER_KB = 2.0
# deep-chat 2.4.2's bundle, the lightest whole widget of those that were compared.
PEER_KB = 111.0
GOAL_SHARE = 0.12


def run(place: Place) -> list[Table]:
    """Sizes of files: nothing runs, so nothing varies."""
    loader = STATIC / "widget" / "embed.js"
    scripts = imported(STATIC / "widget" / "app.js")
    styles = sorted((STATIC / "widget").glob("*.css"))
    table = Table("What the widget loads, gzip -9", ("part", "files", "KB", "gzip KB", "goal"))
    loader_kb = compressed([loader])
    table.add(
        "loader, on every page",
        "1",
        plain([loader]),
        loader_kb,
        f"{GOAL_LOADER_KB:g} KB: {'reached' if loader_kb <= GOAL_LOADER_KB else 'not reached'}",
    )
    for name, files in (("frame's scripts", scripts), ("frame's styles", styles)):
        table.add(name, str(len(files)), plain(files), compressed(files), "")
    whole = [loader, *scripts, *styles]
    share = compressed(whole) / PEER_KB
    table.add(
        "together",
        str(len(whole)),
        plain(whole),
        compressed(whole),
        f"of deep-chat's {PEER_KB:g} KB: {against(share, GOAL_SHARE)}",
    )
    return [table]


def imported(script: Path) -> list[Path]:
    """A module and everything that it imports, as a browser would fetch it."""
    found, waiting = [], [script.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.append(path)
        for name in re.findall(r"""(?:from|import)\s*\(?["']([^"']+)["']""", path.read_text()):
            target = (
                STATIC / name.removeprefix("/static/") if name[0] == "/" else path.parent / name
            )
            waiting.append(target.resolve())
    return found


def plain(files: list[Path]) -> float:
    """KB on the disk."""
    return sum(len(path.read_bytes()) for path in files) / 1024


def compressed(files: list[Path]) -> float:
    """KB on the wire."""
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) / 1024

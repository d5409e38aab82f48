"""The benches run from end to end and print every row; what they measure is not judged here."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import time

import pytest

from bench import measure
from bench.__main__ import BENCHES
from tests.services_plugin import ROOT

# What each must show; a row that is missing is a bench that measures less than it says.
ROWS = {
    "echo": ["raw ASGI, uvicorn", "ours", "stock Channels, Daphne"],
    "fanout": ["raw ASGI echo", "ours, 3 streams", "stock Channels, 3 streams"],
    "idle": ["bare `websockets` server", "ours, registered and in its group"],
    "first_token": ["direct, aiohttp", "direct, the SDK", "ours", "naive"],
    "streams": ["ours"],
    "ack": ["bare transaction", "bare echo, 6 sockets", "ours, 6 sockets", "50 answers at once"],
    "search": ["graph over all", "exact scan of vectors, in 20", "search(), in 40 passages"],
    "growth": ["say a message", "restore a chat", "search one's own passages"],
    "imports": ["20 rows of csv", "20 rows of xlsx", "20 rows of json"],
    "retrieval": ["character TF-IDF", "built-in embedder: hybrid", "protocol: vectors alone"],
    "widget": ["loader, on every page", "together"],
    "graph": ["the search, 5 at most", "below the cut-off", "and 2 neighbours"],
    "documents": ["PDF of 3 pages", "text of 0.0572 MB", "table of 10 questions"],
}


@pytest.fixture(scope="module")
def printed() -> str:
    """What all benches print in one run at sizes that measure nothing."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, "-m", "bench", *BENCHES, "--tiny", "--rounds", "1"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_bench_has_rows_to_show() -> None:
    assert set(ROWS) == set(BENCHES)


@pytest.mark.parametrize("name", BENCHES)
def test_bench_prints_every_row(name: str, printed: str) -> None:
    for row in ROWS[name]:
        assert any(line.startswith(row) or row in line for line in printed.splitlines()), row


def test_benches_print_the_load_and_no_figure_that_was_not_measured(printed: str) -> None:
    lines = printed.splitlines()
    assert lines[0].startswith("before: load")
    assert lines[-1].startswith("after: load")
    assert not re.search(r"\bnan\b", printed)


def test_cpu_of_a_process_is_counted_as_it_works() -> None:
    before = measure.cpu_seconds(os.getpid())
    began = time.thread_time()
    while time.thread_time() - began < 0.05:
        math.sqrt(2)
    assert measure.cpu_seconds(os.getpid()) - before >= 0.04


def test_disturbed_round_is_done_again_and_then_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = iter([0.5, 0.0, 0.5, 0.5, 0.5])
    monkeypatch.setattr(measure.Watch, "foreign_share", lambda self: next(shares))
    calls: list[int] = []

    def bench() -> measure.Figures:
        calls.append(1)
        return {"us": float(len(calls))}

    results = measure.alternate({"it": bench}, 2)
    assert results.rounds == {"it": [{"us": 2.0}, {"us": 5.0}]}
    assert results.disturbed == 1
    assert results.remark() != ""


def test_variants_take_turns_in_beginning() -> None:
    order: list[str] = []

    def variant(name: str) -> measure.Figures:
        order.append(name)
        return {"us": 1.0}

    names = ("a", "b", "c")
    measure.alternate({n: lambda n=n: variant(n) for n in names}, 3, watched=False)  # type: ignore[misc]
    assert order == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]


def test_ratio_is_of_rounds_side_by_side() -> None:
    results = measure.Results(
        {"it": [{"us": 10.0}, {"us": 40.0}], "base": [{"us": 5.0}, {"us": 20.0}]}
    )
    assert results.ratio("it", "base", "us") == 2.0
    assert measure.against(1.3, 1.4) == "1.30 (goal 1.4: reached)"
    assert measure.against(1.5, 1.4) == "1.50 (goal 1.4: not reached)"

"""The reducer's cases (tests/js/transcript.cases.mjs) in a real browser."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]

RUN = """
async () => {
  const { cases } = await import("/tests/js/transcript.cases.mjs");
  return Object.entries(cases).map(([name, run]) => {
    try {
      run();
      return [name, ""];
    } catch (error) {
      return [name, String(error)];
    }
  });
}
"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves the modules, and keeps each request out of the test's output."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def modules() -> Iterator[str]:
    """The address under which the project's files can be fetched."""
    handler = functools.partial(QuietHandler, directory=str(ROOT))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.browser
def test_the_dialogue_keeps_its_promises_in_a_browser(chromium: Browser, modules: str) -> None:
    page = chromium.new_page()
    page.goto(f"{modules}/tests/js/")
    results = dict(page.evaluate(RUN))
    page.close()
    assert len(results) > 40
    assert {name: error for name, error in results.items() if error} == {}

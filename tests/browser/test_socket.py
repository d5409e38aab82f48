"""How the socket comes back (tests/js/socket.cases.mjs), in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.test_transcript import RUN, modules

__all__ = ["modules"]


@pytest.mark.browser
def test_socket_honours_a_goodbye_in_a_browser(chromium: Browser, modules: str) -> None:
    page = chromium.new_page()
    page.goto(f"{modules}/tests/js/")
    results = dict(page.evaluate(RUN.replace("transcript.cases", "socket.cases")))
    page.close()
    assert len(results) == 3
    assert {name: error for name, error in results.items() if error} == {}

"""The whole product, started as a newcomer starts it, and real browsers in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.openai_server import OpenAIServer
from tests.product import SECONDS, Product, data_folder
from tests.services_plugin import find_chromium

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The Chromium that is installed; without one all these tests are skipped, and say why."""
    # Playwright's synchronous interface runs a loop in this thread, in which Django would refuse
    # its own; nothing here uses the database but through the product.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


class Site(Product):
    """The product with its demo site, and what a person needs to get in."""

    def __init__(self, var: Path, **environment: str) -> None:
        super().__init__(var)
        self.environment |= {"DEMO": "1", **environment}

    def sign_in_link(self, username: str) -> str:
        """A fresh one-time link, as `make sign-in` prints it."""
        answer = self.run("manage", "sign_in_links", "--base-url", self.address, username)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.split()[-1]


def started(**environment: str) -> Iterator[Site]:
    """A running site, stopped and removed at the end."""
    with data_folder() as folder:
        site = Site(folder, **environment)
        try:
            site.start()
            yield site
        finally:
            if site.process is not None and site.process.poll() is None:
                site.process.terminate()
                site.process.wait(SECONDS)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The demo as it is without any model."""
    yield from started()


@pytest.fixture(scope="session")
def model_server() -> Iterator[OpenAIServer]:
    """The model's side of the wire."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="session")
def site_with_model(model_server: OpenAIServer) -> Iterator[Site]:
    """The demo with a model that stops in mid-answer until the test lets it go on."""
    yield from started(
        OPENAI_BASE_URL=model_server.base_url,
        OPENAI_MODEL="fake-gate",
        OUTGOING_ALLOWED=f"127.0.0.1:{model_server.port}",
    )


@pytest.fixture
def people(chromium: Browser) -> Iterator[People]:
    """Browsers of different people, with every trouble their pages had."""
    group = People(chromium)
    yield group
    group.leave()


class People:
    """Makes a browser context for each person and collects what went wrong in their pages."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.troubles: list[str] = []
        self.outside: list[str] = []

    def arrive(
        self, locale: str = "ru-RU", width: int = 1280, height: int = 900, **options: object
    ) -> Page:
        """A new person's page."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            **options,  # type: ignore[arg-type]
        )
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on(
            "console",
            lambda line: (
                self.troubles.append(f"{line.text} {line.location.get('url')}")
                if line.type == "error"
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(
                    ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
                )
                else self.outside.append(request.url)
            ),
        )
        return page

    def leave(self) -> None:
        """Close every browser; pages must have had no trouble and asked nothing of the world."""
        for context in self.contexts:
            context.close()
        assert not self.outside
        assert not self.troubles

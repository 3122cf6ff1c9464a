"""A browser as payers and merchants have one: a phone by default, and nothing wrong may happen in it unseen."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Response, async_playwright

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PHONE = {"width": 390, "height": 844}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A page that says 404 or 422 on purpose is also noted in the console.
_ANSWERED_NO = re.compile(r"Failed to load resource: .* status of 4\d\d")

Visit = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = os.environ.get("AFRIFLOW_CHROMIUM") or shutil.which("chromium")
    assert path, "these tests need Chromium: install the package `chromium`, or set AFRIFLOW_CHROMIUM"
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        await opened.close()


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """Opens a browser of one's own: `page = await visit(javascript=False, language="fr-FR", dark=True)`.

    When the test ends, no page may have logged an error, broken the Content-Security-Policy or answered a 5xx.
    """
    contexts: list[Any] = []
    faults: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _ANSWERED_NO.match(message.text):
            faults.append(message.text)

    def answered(response: Response) -> None:
        if response.status >= 500:
            faults.append(f"{response.status} {response.url}")

    async def open_page(
        *,
        javascript: bool = True,
        language: str = "en-GB",
        dark: bool = False,
        wide: bool = False,
        **more: Any,
    ) -> Page:
        context = await browser.new_context(
            java_script_enabled=javascript,
            locale=language,
            color_scheme="dark" if dark else "light",
            viewport={"width": 1280, "height": 900} if wide else PHONE,
            device_scale_factor=2,
            **more,
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("response", answered)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert faults == []


@pytest.fixture(scope="session")
def shoot() -> Callable[[Page, str], Awaitable[None]]:
    """Keeps a picture of a whole page, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    async def take(page: Page, name: str) -> None:
        await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, animations="disabled")

    return take


@pytest.fixture
async def signed_in(demo: dict[str, Any], visit: Visit) -> Callable[..., Awaitable[Page]]:
    """Signs the demo's person in: `page = await signed_in(wide=True)`."""

    async def come_in(**how: Any) -> Page:
        page = await visit(**how)
        await page.goto(demo["dashboard_url"])
        await page.fill("#email", demo["dashboard_user"])
        await page.fill("#password", demo["dashboard_password"])
        await page.click("form .button")
        await page.wait_for_url("**/dashboard")
        return page

    return come_in

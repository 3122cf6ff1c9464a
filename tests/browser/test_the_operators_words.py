"""Payers read how to approve in their operator's own words, in their language, on a phone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect
from playwright.async_api import ViewportSize as Size

SMALL: Size = {"width": 360, "height": 740}


@pytest.fixture
async def shop(fleet: Any, session: Any, people: Any) -> Any:
    """A merchant whose account at pawaPay was asked what it tells its payers, as the schedule does."""
    await fleet.house.refresher.refresh()
    fleet.start("api", "serve")
    await fleet.answers(session)
    merchant, _ = people(
        session, fleet.url, fleet.ready.merchant.api_key, f"{fleet.others_url}/simulators/phone"
    )
    return merchant


async def open_at(page: Page, url: str, language: str) -> None:
    await page.goto(f"{url}?language={language}")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= SMALL["width"], "the page is wider than the phone"


async def test_a_prompt_that_does_not_come_is_called_up_as_the_operator_says(
    shop: Any, visit: Callable[..., Awaitable[Page]], shoot: Callable[[Page, str], Awaitable[None]]
) -> None:
    made = await shop.pay("mtn_zm", "+260763456129", "ZM", amount=1500, currency="ZMW")
    action = made["next_action"]
    assert (action["type"], action["payee"]) == ("approve_on_phone", "AfriFlow Demo")
    assert "*115#" in action["message"]
    page = await visit(language="fr-FR")
    await page.set_viewport_size(SMALL)
    await open_at(page, made["checkout_url"], "fr")
    await expect(page.get_by_text("La demande porte le nom AfriFlow Demo.")).to_be_visible()
    await expect(page.get_by_text("Composez *115#", exact=True)).to_be_hidden()
    await page.get_by_text("Rien ne s'affiche ?").click()
    await expect(page.get_by_text("Composez *115#", exact=True)).to_be_visible()
    link = page.get_by_role("link", name="Composer le *115#")
    assert await link.get_attribute("href") == "tel:*115%23"
    await shoot(page, "operator-words-fr")


async def test_a_code_is_got_as_the_operator_says(
    shop: Any, visit: Callable[..., Awaitable[Page]], shoot: Callable[[Page, str], Awaitable[None]]
) -> None:
    made, by_hand = await asyncio.gather(
        shop.pay("orange_bf", "+22607000000", "BF", locale="en"),
        shop.pay("orange_sl", "+23276000000", "SL", amount=1500, currency="SLE", locale="en"),
    )
    assert made["next_action"]["type"] == "enter_otp"
    assert [channel["link"] for channel in made["next_action"]["channels"]] == ["tel:*144*4*6%23"]
    page = await visit()
    await page.set_viewport_size(SMALL)
    await open_at(page, made["checkout_url"], "en")
    await expect(page.get_by_role("listitem").filter(has_text="Dial *144*4*6#")).to_be_visible()
    await expect(page.locator("#otp")).to_be_visible()
    await shoot(page, "operator-words-otp-en")
    assert by_hand["next_action"]["by_hand"] is True
    await open_at(page, by_hand["checkout_url"], "en")
    await expect(page.get_by_role("heading", name="No PIN prompt?")).to_be_visible()
    await shoot(page, "operator-words-by-hand-en")

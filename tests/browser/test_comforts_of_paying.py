"""What makes paying pleasant on a phone with a thin line: whose number it is, a clock, news by themselves, a receipt to keep."""

import re
import time
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.async_api import CDPSession, Page, expect

from afriflow.merchants.logo import SENT_BYTES_MAX

SLOW = 30_000
WIRE_MAX_BYTES = 30 * 1024
# A merchant's own stylesheet, with its headers; the logo's limit is its own.
ACCENT_BYTES = 1024
# EDGE as browsers' tools have it, about what a payer far from a town has.
EDGE = {"offline": False, "latency": 300, "downloadThroughput": 250_000 / 8, "uploadThroughput": 50_000 / 8}
# Alone it takes about 2 s; the machine that tests run on is shared.
USABLE_MAX_SECONDS = 10.0


async def made_for(merchant: Any, **fields: Any) -> Any:
    _, made = await merchant.checkout(
        description="2 sacs de riz", return_url="https://shop.example/merci", **fields
    )
    return made


async def fits(page: Page) -> None:
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page is wider than the phone"


async def test_the_page_knows_whose_number_is_typed(merchant: Any, visit: Any, shoot: Any) -> None:
    """However people write it; and a choice that was made by hand stays."""
    made = await made_for(merchant)
    page = await visit(language="fr-FR")
    await page.goto(made["checkout_url"])
    told = page.locator("#phone-told > span").last
    await expect(told).to_be_hidden()
    for written in ("77 1", "+221 77 1", "00221771", "221 77-1", "78.1"):
        await page.fill("#phone", written)
        await expect(told).to_have_text("Numéro Orange Money")
    await expect(page.locator("input[value=orange_sn]")).to_be_checked()
    await page.fill("#phone", "76 1")
    await expect(page.locator("input[value=free_sn]")).to_be_checked()
    await page.fill("#phone", "+33 6")
    await expect(told).to_be_hidden()
    await page.check("input[value=expresso_sn]")
    await page.fill("#phone", "77 123")
    await expect(told).to_have_text(
        re.compile("Ce numéro est plutôt chez Orange Money.: vérifiez votre choix")
    )
    await expect(page.locator("input[value=expresso_sn]")).to_be_checked()
    await shoot(page, "pay-number-differs")
    await page.check("input[value=wave_sn]")  # a wallet of every number
    await expect(told).to_have_text("Numéro Orange Money")
    ghana = await made_for(merchant, country="GH", currency="GHS")
    await page.goto(ghana["checkout_url"])
    await page.fill("#phone", "024 1")
    await expect(told).to_have_text(re.compile("Numéro MTN"))


async def test_the_page_follows_the_payment_by_itself_and_ends_in_a_receipt(
    merchant: Any, payer: Any, visit: Any, shoot: Any
) -> None:
    """Never loaded anew in between; back and a second tab find the same."""
    phone = "+221771000007"
    made = await made_for(merchant)
    page = await visit(language="fr-FR")
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.add_init_script("navigator.share = async (what) => { window.shared = what; }")
    await page.goto(made["checkout_url"])
    await fits(page)
    await page.fill("#phone", phone.replace("+221", ""))
    await page.dblclick("button.wide")
    count = page.locator(".count")
    await expect(count).to_have_text(re.compile(r"\d+:\d\d"), timeout=SLOW)
    before = await count.inner_text()
    await expect(count).not_to_have_text(before)
    await expect(page.get_by_text("Demande envoyée au +22177•••0007")).to_be_visible()
    await fits(page)
    await page.evaluate("window.here = true")
    await payer.decide(phone, "approve")
    await expect(page.get_by_role("heading", name="Paiement réussi")).to_be_visible(timeout=SLOW)
    assert await page.evaluate("window.here") is True
    assert "Paiement réussi" in await page.title()
    await fits(page)
    share = await page.get_by_role("link", name="WhatsApp").get_attribute("href")
    assert share
    assert made["checkout_url"] in unquote(share)
    await page.get_by_role("button", name="Partager").click()
    assert (await page.evaluate("window.shared"))["url"] == made["checkout_url"]
    await page.emulate_media(media="print", color_scheme="dark")
    await expect(page.locator(".receipt")).to_be_visible()
    await expect(page.get_by_text(made["checkout_url"])).to_be_visible()
    await expect(page.get_by_role("link", name="Retour à la boutique")).to_be_hidden()
    await expect(page.get_by_text("Mode test")).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    await shoot(page, "pay-receipt-printed")
    await page.emulate_media(media="screen")
    await page.go_back()
    await page.goto(made["checkout_url"])
    await expect(page.locator(".receipt")).to_be_visible()
    assert len((await merchant.read(made["id"]))["attempts"]) == 1


async def listening(page: Page) -> tuple[CDPSession, dict[str, float], list[Any]]:
    """Count the bytes of each answer as they come over the line, headers included, and note who asked for it."""
    line = await page.context.new_cdp_session(page)
    weights: dict[str, float] = {}
    asked: list[Any] = []
    line.on("Network.requestWillBeSent", lambda it: asked.append(it))  # noqa: PLW0108 — a builtin method cannot be listened with
    line.on("Network.loadingFinished", lambda it: weights.update({it["requestId"]: it["encodedDataLength"]}))
    await line.send("Network.enable")
    return line, weights, asked


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "plain"])
async def test_the_first_load_is_light_one_round_trip_deep_and_usable_on_a_thin_line(
    merchant: Any, visit: Any, javascript: bool
) -> None:
    """HTML, stylesheet, script and mark over the wire, with room for the heaviest logo and a merchant's colour."""
    made = await made_for(merchant, customer={"phone": "+221773456789"})
    page = await visit(javascript=javascript)
    line, weights, asked = await listening(page)
    await line.send("Network.emulateNetworkConditions", EDGE)
    began = time.monotonic()
    await page.goto(made["checkout_url"], wait_until="domcontentloaded", timeout=60_000)
    await expect(page.locator("button.wide")).to_be_visible(timeout=60_000)
    usable_seconds = time.monotonic() - began
    await page.wait_for_load_state("load", timeout=60_000)
    total = sum(weights.values())
    assert total + SENT_BYTES_MAX + ACCENT_BYTES <= WIRE_MAX_BYTES, weights
    # What an asset asks for itself would cost another round trip.
    assert {it["initiator"]["type"] for it in asked[1:]} <= {"parser", "other"}, asked
    assert usable_seconds < USABLE_MAX_SECONDS

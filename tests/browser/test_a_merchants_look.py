"""A merchant's name, logo and colour on the dashboard and before payers, readable in both themes."""

import io
import re
from typing import Any

import aiohttp
import pytest
from axe_playwright_python.async_playwright import Axe
from desk import PASSWORD, Desk
from PIL import Image, ImageDraw
from playwright.async_api import expect


def a_logo() -> bytes:
    picture = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((10, 10, 390, 390), fill="#7a1f5c")
    pen.polygon([(200, 70), (320, 300), (80, 300)], fill="#ffd166")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("colour", ["#ffcc00", "#1b1b6b"])
async def test_a_look_is_chosen_previewed_and_readable_in_both_themes(
    desk: Desk, visit: Any, shoot: Any, colour: str
) -> None:
    email = await desk.person(await desk.merchant("Boutique Sandaga"))
    page = await visit(language="fr-FR", wide=True, bypass_csp=True)
    await page.goto(f"{desk.url}/dashboard/sign-in")
    await page.fill("#email", email)
    await page.fill("#password", PASSWORD)
    await page.click("form .button")
    await page.get_by_role("link", name="Réglages").click()
    await page.fill("#name", "Chez Awa")
    await page.fill("#accent", colour)
    await page.fill("#support_whatsapp", "77 123 45 67")
    await page.get_by_role("button", name="Enregistrer", exact=True).first.click()
    await page.set_input_files(
        "#file", files=[{"name": "logo.png", "mimeType": "image/png", "buffer": a_logo()}]
    )
    await page.get_by_role("button", name="Enregistrer ce logo").click()
    preview = page.locator(".preview")
    await expect(preview.get_by_text("Chez Awa", exact=True)).to_be_visible()
    picture = preview.locator("img")
    assert await picture.evaluate("image => image.naturalWidth") == 140
    shown = await preview.locator(".button").evaluate("it => getComputedStyle(it).backgroundColor")
    digits = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    assert [int(part) for part in re.findall(r"\d+", shown)] == digits
    for dark in (False, True):
        await page.emulate_media(color_scheme="dark" if dark else "light")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    await shoot(page, f"settings-{colour[1:]}")


async def test_payers_see_the_look_of_the_merchant(
    desk: Desk, visit: Any, session: aiohttp.ClientSession
) -> None:
    """On a payment link, which this merchant has without any provider."""
    merchant_id = await desk.merchant()
    owner = await desk.come_in(merchant_id=merchant_id)
    await owner.get("/dashboard/settings")
    await owner.post("/dashboard/settings", name="Chez Awa", accent="#ffcc00", support_phone="33 800 00 11")
    await owner.get("/dashboard/links")
    made = await owner.post("/dashboard/links", description="Riz", place="SN XOF", amount="5000")
    await owner.get(made.location)
    address = re.findall(r'id="url"[^>]*value="[^"]*(/pay/link/[^"]+)"', owner.page)[0]
    page = await visit(language="fr-FR", bypass_csp=True)
    for dark in (False, True):
        await page.emulate_media(color_scheme="dark" if dark else "light")
        await page.goto(desk.url + address)
        await expect(page.get_by_text("Chez Awa")).to_be_visible()
        button = page.locator("button.wide")
        assert await button.evaluate("it => getComputedStyle(it).backgroundColor") == "rgb(255, 204, 0)"
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

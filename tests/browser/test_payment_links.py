"""Payment links in a browser: made and shared by a merchant, opened and paid by people who know no more than the address."""

import re
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

SLOW = 30_000


async def clean(page: Page) -> None:
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


async def test_a_merchant_makes_a_link_on_a_phone_and_closes_it(
    signed_in: Any, visit: Any, shoot: Any
) -> None:
    page = await signed_in(language="fr-FR", bypass_csp=True)
    await page.get_by_role("link", name="Liens de paiement").click()
    await page.get_by_text("Créer un lien").first.click() if not await page.locator(
        "#amount"
    ).is_visible() else None
    await page.fill("#description", "Frais de scolarité")
    await page.fill("#amount", "cinq mille")
    await page.get_by_role("button", name="Créer un lien").click()
    await expect(page.get_by_text("Ce n'est pas un montant en XOF.")).to_be_visible()
    await expect(page.locator("#description")).to_have_value("Frais de scolarité")
    await clean(page)
    await page.fill("#amount", "25 000")
    await shoot(page, "links-form-phone")
    await page.get_by_role("button", name="Créer un lien").click()
    await expect(page.get_by_role("heading", name="25 000 F CFA")).to_be_visible()
    await expect(page.locator("#text")).to_have_value(re.compile("Frais de scolarité.*/pay/link/"))
    await clean(page)
    await shoot(page, "link-story-phone")
    payer = await visit(language="fr-FR", dark=True, bypass_csp=True)
    await payer.goto(await page.input_value("#url"))
    await expect(payer.get_by_role("heading", name="25 000 F CFA")).to_be_visible()
    await clean(payer)
    await shoot(payer, "link-dark-phone")
    await page.get_by_role("button", name="Fermer ce lien").click()
    await expect(page.get_by_text("Le lien est fermé.", exact=False).first).to_be_visible()
    await payer.reload()
    await expect(payer.get_by_role("heading", name="Ce lien est fermé")).to_be_visible()
    await shoot(payer, "link-closed-phone")


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "plain"])
async def test_a_payer_writes_an_amount_and_pays(
    merchant: Any, payer: Any, visit: Any, shoot: Any, javascript: bool
) -> None:
    body = {"currency": "XOF", "country": "SN", "description": "Don libre", "amount_min": 500}
    _, link = await merchant.call("POST", "/api/payment-links", body)
    page = await visit(javascript=javascript)
    await page.goto(link["url"])
    await page.fill("#amount", "2")
    await page.click("button.wide")
    await expect(page.locator("#wrong-amount")).to_be_visible()
    await page.fill("#amount", "1 500")
    await shoot(page, f"link-open-{'js' if javascript else 'plain'}")
    await page.click("button.wide")
    await expect(page.get_by_role("heading", name="F CFA 1,500")).to_be_visible()
    await page.check("input[value=orange_sn]")
    await page.fill("#phone", "77 345 67 89")
    await page.click("button.wide")
    await expect(page.get_by_role("heading", name="Payment successful")).to_be_visible(timeout=SLOW)


async def test_the_list_of_links_says_how_often_each_was_paid(
    merchant: Any, signed_in: Any, shoot: Any
) -> None:
    body = {"amount": 7000, "currency": "XOF", "country": "SN", "description": "Tissu", "uses_max": 5}
    await merchant.call("POST", "/api/payment-links", body)
    page = await signed_in(wide=True)
    await page.goto(page.url + "/links")
    row = page.locator("tbody tr", has_text="Tissu").first
    await expect(row.get_by_text("0 / 5")).to_be_visible()
    await shoot(page, "links-list")
    await row.get_by_text("Tissu").click()
    await expect(page.get_by_text("Nobody has gone on from this link yet.")).to_be_visible()
    await shoot(page, "link-story")

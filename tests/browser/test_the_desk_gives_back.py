"""The support's day: a customer calls, the payment is found, understood, noted and given back."""

import re
from typing import Any

from playwright.async_api import expect

SLOW = 30_000


async def test_a_payment_is_found_by_phone_noted_and_given_back(
    merchant: Any, signed_in: Any, shoot: Any
) -> None:
    made = await merchant.pay("orange_sn", "+221773456789", description="2 sacs de riz")
    await merchant.until(made["id"], "succeeded")
    page = await signed_in(language="fr-FR")
    await page.fill("input[name=q]", "77 345 67 89")
    await page.click("form.search > button")
    await page.get_by_text("Plus de filtres").click()
    await page.select_option("select[name=operator]", "orange_sn")
    await page.click("form.search > button")
    await expect(page.locator("select[name=operator]")).to_have_value("orange_sn")
    await shoot(page, "dashboard-filters")
    await page.locator("tbody").get_by_text(made["reference"]).click()
    await page.fill("#note", "Client rappelé : un sac est arrivé mouillé.")
    await page.get_by_role("button", name="Ajouter").click()
    await expect(page.locator(".story").get_by_text("un sac est arrivé mouillé")).to_be_visible()
    await page.get_by_text("Rembourser", exact=True).click()
    await page.fill("#refund-amount", "2 500")
    await page.fill("#refund-reason", "un sac mouillé")
    await shoot(page, "dashboard-refund")
    await page.get_by_role("button", name="Rendre l'argent").click()
    await expect(page.get_by_text("Le remboursement est en route.")).to_be_visible(timeout=SLOW)
    await expect(page.get_by_role("heading", name=re.compile("2 500"))).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shoot(page, "dashboard-refunded")
    await page.get_by_role("link", name=made["id"]).click()
    await expect(page.locator("tbody").get_by_text("un sac mouillé")).to_be_visible()


async def test_a_list_is_taken_away_as_a_file_that_shows_how_far_it_has_come(
    merchant: Any, signed_in: Any, shoot: Any
) -> None:
    _, made = await merchant.checkout(description="=1+1")
    page = await signed_in(language="fr-FR", wide=True)
    await page.fill("input[name=q]", made["reference"])
    await page.click("form.search > button")
    await page.get_by_role("link", name="Exporter (CSV)").click()
    await expect(page.get_by_text("Lignes : 1.")).to_be_visible()
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Télécharger le fichier").click()
    file = await waiting.value
    assert file.suggested_filename == "transactions-test.csv"
    text = (await file.path()).read_text("utf-8")
    assert f",{made['reference']},'=1+1," in text
    await expect(page.get_by_text("Le fichier est prêt")).to_be_visible()
    await expect(page.locator("[data-rows]")).to_have_text("1")
    await shoot(page, "dashboard-export")

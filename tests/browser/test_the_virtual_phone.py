"""The payer's side, as somebody who tries AfriFlow clicks through it: approve, mistype, refuse, open the wallet, dial, read a code."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

SLOW = 30_000


async def clean(page: Page) -> None:
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page is wider than the phone"
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    ("phone", "button", "badge", "status"),
    [
        ("221771000011", "Approuver (PIN)", "approuvé", "succeeded"),
        ("221771000012", "PIN faux", "PIN faux", "failed"),
        ("221771000013", "Refuser", "refusé", "failed"),
        ("221771000014", "Solde insuffisant", "solde insuffisant", "failed"),
    ],
)
async def test_a_prompt_is_answered_with_one_click(
    merchant: Any, demo: dict[str, Any], visit: Any, phone: str, button: str, badge: str, status: str
) -> None:
    made = await merchant.pay("orange_sn", f"+{phone}")
    page = await visit(language="fr-FR", javascript=False)
    await page.goto(f"{demo['phone_url']}/?phone={phone}")
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_text(badge, exact=True)).to_be_visible()
    await expect(page.get_by_text("Rien à approuver pour l’instant.")).to_be_visible()
    await merchant.until(made["id"], status)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_the_wallet_is_opened_from_the_phone_and_leads_back_to_the_payment(
    merchant: Any, demo: dict[str, Any], visit: Any, shoot: Any, dark: bool
) -> None:
    phone = f"22177200003{int(dark)}"
    page = await visit(language="fr-FR", dark=dark, bypass_csp=True)
    _, made = await merchant.checkout()
    await page.goto(made["checkout_url"])
    await page.check("input[value=wave_sn]")
    await page.fill("#phone", f"+{phone}")
    await page.click("button.wide")
    await expect(page.get_by_role("link", name="Continuer vers Wave")).to_be_visible(timeout=SLOW)
    await page.goto(f"{demo['phone_url']}/?phone={phone}")
    await clean(page)
    await shoot(page, f"phone-wallet-{'dark' if dark else 'light'}")
    await page.get_by_role("link", name="Ouvrir la page").click()
    await clean(page)
    await shoot(page, f"wallet-{'dark' if dark else 'light'}")
    await page.get_by_role("button", name="Payer").click()
    await expect(page.get_by_role("heading", name="Paiement réussi")).to_be_visible(timeout=SLOW)


async def test_a_code_is_dialled_and_read(demo: dict[str, Any], visit: Any) -> None:
    page = await visit(language="fr-FR", bypass_csp=True)
    await page.goto(f"{demo['phone_url']}/dial")
    await clean(page)
    await page.get_by_label("Numéro").fill("+226 04 11 11 77")
    await page.get_by_label("Code USSD").fill("*144*4*6#")
    await page.get_by_role("button", name="Appeler").click()
    code = page.locator(".code")
    await expect(code).to_be_visible()
    assert (await code.inner_text()).isdigit()
    await clean(page)

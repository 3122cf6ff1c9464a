"""The editor of routing rules, with and without JavaScript: a mistake is mended, a rule is tried and put in force."""

from typing import Any

import pytest
from playwright.async_api import expect


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
async def test_a_rule_is_written_and_put_in_force(
    demo: dict[str, Any], merchant: Any, signed_in: Any, shoot: Any, javascript: bool
) -> None:
    wide = javascript
    page = await signed_in(javascript=javascript, wide=wide, language="fr-FR", dark=not javascript)
    try:
        await page.goto(f"{demo['dashboard_url']}/routing")
        await page.get_by_role("button", name="Modifier les règles").click()
        await page.get_by_role("link", name="Ajouter une règle").click()
        await page.select_option("#country", "SN")
        await page.select_option("#operator", "mtn_bj")
        await page.fill("#amount_max", "10 000")
        await page.select_option("#prefer-1", "paydunya")
        await page.get_by_role("button", name="Garder dans le brouillon").click()
        await expect(page.locator("#wrong-operator")).to_contain_text("opérateur de SN")
        await expect(page.locator("#amount_max")).to_have_value("10 000")
        await shoot(page, f"rule-{'wide' if wide else 'phone'}")
        await page.select_option("#operator", "orange_sn")
        await page.get_by_role("button", name="Garder dans le brouillon").click()
        await page.select_option("select[name=means]", "SN/orange_sn")
        await page.fill("input[name=amount]", "5000")
        await page.get_by_role("button", name="Essayer").click()
        await expect(page.locator("#preview")).to_contain_text("La règle 1 décide.")
        await shoot(page, f"routing-{'wide' if wide else 'phone'}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_role("link", name="Rejouer les 7 derniers jours").click()
        await expect(page.get_by_text("règles en vigueur retrouvent")).to_be_visible()
        await shoot(page, f"replay-{'wide' if wide else 'phone'}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_role("link", name="Retour au brouillon").click()
        await page.get_by_role("button", name="Mettre en vigueur").click()
        await expect(page.get_by_role("status")).to_contain_text("Les nouvelles règles sont en vigueur.")
        _, rules = await merchant.call("GET", "/api/routing/rules")
        assert [rule["prefer"] for rule in rules["rules"]] == [["paydunya"]]
    finally:
        await merchant.call("PUT", "/api/routing/rules", {"rules": []})

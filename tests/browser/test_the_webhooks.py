"""Webhooks in a browser: an endpoint is tended from its first test event to its end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from desk import PASSWORD
from ears import until
from playwright.async_api import Page, expect
from standardwebhooks import Webhook

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import make_key
from afriflow.merchants.team import add_person

IDS = Ids(SystemClock())


@dataclass
class Shop:
    """A merchant of this file's own at the demo, and its owner."""

    id: str
    email: str
    merchant: Any
    url: str


@pytest.fixture
async def shop(demo: Any, rows: Any, vault: Any, people: Any, session: Any) -> Shop:
    merchant_id = await make_merchant(rows, IDS, name="Boutique Sandaga", country="SN", language="fr")
    key = await make_key(rows, vault, IDS, merchant_id=merchant_id, mode=Mode.TEST)
    email = f"{merchant_id[-10:]}@sandaga.test"
    await add_person(rows, IDS, merchant_id=merchant_id, email=email, password=PASSWORD, role=Role.OWNER)
    return Shop(merchant_id, email, people(session, demo["url"], key, "")[0], demo["dashboard_url"])


@pytest.fixture
async def come_in(shop: Shop, visit: Any) -> AsyncIterator[Any]:
    async def sign_in(**how: Any) -> Page:
        page = await visit(**how)
        await page.goto(shop.url)
        await page.fill("#email", shop.email)
        await page.fill("#password", PASSWORD)
        await page.click("form .button")
        await page.wait_for_url("**/dashboard")
        return page

    return sign_in


async def looks_well(page: Page, shoot: Any, name: str) -> None:
    """Nothing is wider than the screen and axe finds nothing, with everything opened, wide and on a phone, light and dark."""
    closed = page.locator("details.box:not([open]) > summary")
    while await closed.count():
        await closed.first.click()
    for dark in (False, True):
        await page.emulate_media(color_scheme="dark" if dark else "light")
        for wide in (True, False):
            await page.set_viewport_size({"width": 1280 if wide else 390, "height": 900})
            await shoot(page, f"{name}-{'wide' if wide else 'phone'}{'-dark' if dark else ''}")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 1280, "height": 900})


async def test_an_endpoint_is_tended_from_its_first_test_event_to_its_end(
    shop: Shop, come_in: Any, listen: Any, shoot: Any
) -> None:
    """In French: tested, told of the past, given a new secret, switched off and on, narrowed to what failed."""
    past = [(await shop.merchant.checkout())[1]["id"] for _ in range(2)]
    ear = await listen(lambda ear: 500 if ear.heard[-1].message["type"] == "endpoint.test" else 200)
    page = await come_in(wide=True, language="fr-FR", bypass_csp=True)
    await page.get_by_role("link", name="Webhooks").click()
    await expect(page.get_by_text("Ajoutez ci-dessous l'adresse de votre serveur")).to_be_visible()
    await page.fill("#url", ear.url)
    await page.get_by_role("button", name="Ajouter").click()
    old = await page.locator(".secret").inner_text()
    await page.get_by_role("link", name="Envoyer un événement d'essai").click()
    await expect(page.get_by_text("Rien n'a encore été envoyé ici.")).to_be_visible()
    await page.get_by_role("button", name="Envoyer un événement d'essai").click()
    await expect(page.get_by_text("Votre serveur n'a pas accepté l'événement d'essai.")).to_be_visible()
    await expect(page.locator(".notice.bad")).to_contain_text("500")

    await page.get_by_text("Renvoyer les événements d'une période").click()
    await page.fill("#since", "2026-01-01T00:00")
    await page.get_by_role("button", name="Renvoyer", exact=True).click()
    await expect(page.get_by_text("repartent, lot par lot")).to_be_visible()
    await until(lambda: len(ear.heard) == 3, "the past")
    assert {item.message["data"]["id"] for item in ear.heard[1:]} == set(past)

    await page.get_by_text("Nouveau secret de signature").click()
    await page.select_option("#hours", "1")
    await page.get_by_role("button", name="Créer un nouveau secret").click()
    new = await page.locator(".secret").inner_text()
    await expect(page.get_by_text("L'ancien secret signe à côté du nouveau")).to_be_visible()
    await page.locator(".delivery summary", has_text="transaction.created").first.click()
    await page.get_by_role("button", name="Renvoyer transaction.created").first.click()
    await expect(page.get_by_text("L'événement repart.")).to_be_visible()
    await until(lambda: len(ear.heard) == 4, "what was sent again")
    for secret in (old, new):
        Webhook(secret).verify(ear.heard[3].body.decode(), ear.heard[3].headers)

    await page.get_by_role("button", name="Désactiver").click()
    await expect(page.get_by_text("Désactivée depuis le")).to_contain_text(shop.email)
    await page.get_by_role("button", name="Activer").click()
    await expect(page.locator("#since")).not_to_have_value("")
    await page.get_by_text("Modifier l'adresse et les événements").click()
    await page.get_by_role("checkbox", name="transaction.succeeded").check()
    await page.fill("#description", "Stock")
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_text("L'adresse est modifiée.")).to_be_visible()
    await page.get_by_label("Résultat").select_option("given_up")
    await page.get_by_role("button", name="Rechercher").click()
    await expect(page.locator(".delivery summary", has_text="endpoint.test")).to_have_count(1)
    await expect(page.locator(".delivery summary", has_text="transaction.created")).to_have_count(0)
    await page.goto(page.url.partition("?")[0])
    await expect(page.locator(".delivery summary", has_text="transaction.created")).to_have_count(3)
    await looks_well(page, shoot, "hooks-endpoint")
    await page.get_by_role("link", name="Toutes les adresses").click()
    await expect(page.get_by_text("Non reçu dernièrement")).to_be_visible()
    await looks_well(page, shoot, "hooks-list")


async def test_what_providers_notified_is_read_and_processed_again(
    merchant: Any, demo: dict[str, Any], signed_in: Any, come_in: Any, shoot: Any
) -> None:
    """In French: a new merchant is told what to do; a payment's notification is found, read and processed again."""
    page = await come_in(wide=True, language="fr-FR", bypass_csp=True)
    await page.goto(f"{demo['dashboard_url']}/notifications")
    await expect(page.get_by_text("Aucun prestataire n'a encore rien notifié en mode test.")).to_be_visible()
    await looks_well(page, shoot, "hooks-received-empty")
    payment = await merchant.pay("orange_sn", "+221773456789")
    await merchant.until(payment["id"], "succeeded")
    page = await signed_in(wide=True, language="fr-FR", bypass_csp=True)
    listed = f"{demo['dashboard_url']}/notifications?status=handled&verdict=signed"
    row = page.locator("tbody tr", has_text=payment["reference"])

    async def listed_now() -> bool:
        await page.goto(listed)
        return bool(await row.count())

    await until(listed_now, "the notification to be read")
    await looks_well(page, shoot, "hooks-received-list")
    await row.locator("a").first.click()
    await expect(page.get_by_text("ce qu'il dit vaut preuve")).to_be_visible()
    await page.get_by_role("button", name="Traiter de nouveau").click()
    await expect(page.get_by_text("Traitée de nouveau : déjà connu, rien à faire")).to_be_visible()
    await looks_well(page, shoot, "hooks-received-one")

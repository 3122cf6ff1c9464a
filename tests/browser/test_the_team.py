"""An owner at a phone: sets up a second factor, invites somebody, and proves anew who it is."""

import base64
from typing import Any

from axe_playwright_python.async_playwright import Axe
from desk import PASSWORD, PUBLIC_URL, Desk
from playwright.async_api import Page, expect

from afriflow.merchants.totp import code_at, step_at


async def clean(page: Page) -> None:
    """Nothing hinders anybody, and nothing is wider than the screen."""
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def sign_in(page: Page, desk: Desk, email: str, password: str = PASSWORD) -> None:
    await page.goto(f"{desk.url}/dashboard")
    await page.fill("#email", email)
    await page.fill("#password", password)
    await page.click("form .button")


async def test_from_a_password_to_a_team(desk: Desk, visit: Any, shoot: Any) -> None:
    owner = await desk.person(await desk.merchant())
    page = await visit(language="fr-FR", bypass_csp=True)
    await sign_in(page, desk, owner)
    await page.get_by_role("button", name="Réel").click()
    await expect(page.get_by_text("votre rôle demande un second facteur").first).to_be_visible()
    await clean(page)
    await shoot(page, "people-me-phone")
    await page.get_by_role("button", name="Relier une application d'authentification").click()
    text = await page.locator(".secret").inner_text()
    secret = base64.b32decode(text + "=" * (-len(text) % 8))
    await clean(page)
    await shoot(page, "people-second-factor-phone")
    await page.fill("#code", "000000")
    await page.get_by_role("button", name="Activer").click()
    await expect(page.locator("#wrong-code")).to_be_visible()
    step = step_at(desk.clock.now())
    await page.fill("#code", code_at(secret, step))
    await page.get_by_role("button", name="Activer").click()
    await expect(page.locator(".codes li")).to_have_count(10)
    recovery = await page.locator(".codes li").first.inner_text()
    await clean(page)
    await shoot(page, "people-recovery-codes-phone")
    await page.get_by_role("link", name="Je les ai gardés").click()
    await page.get_by_role("link", name="Équipe").click()
    await expect(page.get_by_role("link", name="Équipe")).to_be_in_viewport()
    await page.fill("#email", "moussa@sandaga.test")
    await page.select_option("#role", "finance")
    await page.get_by_role("button", name="Créer une invitation").click()
    link = await page.locator(".secret").inner_text()
    await clean(page)
    await shoot(page, "people-team-phone")

    guest = await visit(language="en-GB", dark=True, bypass_csp=True)
    await guest.goto(link.replace(PUBLIC_URL, desk.url))
    await expect(guest.get_by_role("heading", name="Welcome to Boutique Sandaga")).to_be_visible()
    await clean(guest)
    await guest.fill("#new", "motdepasse1234")
    await guest.fill("#again", "motdepasse1234")
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_text("easily guessed")).to_be_visible()
    await shoot(guest, "people-welcome-phone")
    await guest.fill("#new", "une pirogue attend le soir")
    await guest.fill("#again", "une pirogue attend le soir")
    await guest.get_by_role("button", name="Join").click()
    await expect(guest.get_by_text("Welcome! Sign in with your new password.")).to_be_visible()
    await sign_in(guest, desk, "moussa@sandaga.test", "une pirogue attend le soir")
    await guest.get_by_role("link", name="Team").click()
    await expect(guest.get_by_text(owner)).to_be_visible()
    await expect(guest.get_by_role("button", name="Make an invitation")).to_have_count(0)

    await page.get_by_role("button", name="Se déconnecter").click()
    await sign_in(page, desk, owner)
    await expect(page.get_by_role("heading", name="Entrez votre code")).to_be_visible()
    await page.fill("#code", code_at(secret, step))
    await page.click("form .button")
    await expect(page.get_by_text("a déjà servi")).to_be_visible()
    await clean(page)
    await shoot(page, "people-code-phone")
    await page.fill("#code", recovery)
    await page.click("form .button")
    await expect(page.get_by_role("heading", name="Paiements")).to_be_visible()


async def test_what_was_entered_outlives_the_proof_that_is_asked_for(
    desk: Desk, visit: Any, shoot: Any
) -> None:
    owner = await desk.person(await desk.merchant())
    page = await visit(wide=True, bypass_csp=True)
    await sign_in(page, desk, owner)
    await page.get_by_role("link", name="Team").click()
    await desk.let_age("proven_at", 11)
    await page.fill("#email", "awa@sandaga.test")
    await page.select_option("#role", "support")
    await page.get_by_role("button", name="Make an invitation").click()
    await expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    await clean(page)
    await page.fill("#proof", "not this one")
    await page.get_by_role("button", name="Confirm and go on").click()
    await expect(page.get_by_text("This password is wrong.")).to_be_visible()
    await shoot(page, "people-prove")
    await page.fill("#proof", PASSWORD)
    await page.get_by_role("button", name="Confirm and go on").click()
    await expect(page.get_by_text("Give this link to awa@sandaga.test.")).to_be_visible()
    await page.locator("summary", has_text="Change").click()
    await clean(page)
    await shoot(page, "people-team")
    await page.goto(f"{desk.url}/dashboard/me")
    await clean(page)
    await shoot(page, "people-me")

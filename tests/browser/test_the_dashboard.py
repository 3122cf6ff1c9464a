"""The merchant's day: sign in, find a payment, understand it, act, sign out."""

import json
import re
import uuid
from typing import Any

import aiohttp
import pytest
from playwright.async_api import expect

SLOW = 30_000


async def test_a_day_at_the_dashboard(merchant: Any, signed_in: Any, shoot: Any) -> None:
    """From the list to the whole story of a payment, and its provider asked once more."""
    made = await merchant.pay(
        "orange_sn", "+221773456789", description="3 pagnes", customer={"name": "Awa Diop"}
    )
    await merchant.until(made["id"], "succeeded")
    await merchant.hears(made["id"], "created", "processing", "succeeded")
    page = await signed_in(language="fr-FR", wide=True)
    await expect(page.get_by_role("heading", name="Paiements")).to_be_visible()
    await shoot(page, "dashboard-list")
    for text in (made["reference"], made["id"]):
        await page.fill("input[name=q]", text)
        await page.click("form.search button")
        await expect(page.locator("tbody tr")).to_have_count(1)
    await page.fill("input[name=q]", "77 345 67 89")
    await page.click("form.search button")
    await expect(page.locator("tbody").get_by_text(made["reference"])).to_be_visible()
    await page.locator("tbody").get_by_text(made["reference"]).click()
    story = page.locator(".story")
    await expect(story.get_by_text("Paiement créé")).to_be_visible()
    await expect(story.get_by_text("pawaPay a l'argent")).to_be_visible()
    await expect(page.get_by_text("est le meilleur de ceux qui peuvent")).to_be_visible()
    await expect(page.get_by_text("signature valable").first).to_be_visible()
    await page.locator("details.box summary", has_text="transaction.succeeded").click()
    await page.locator("details.box summary", has_text="initiate").click()
    await expect(page.locator("details[open] pre", has_text="depositId").first).to_be_visible()
    await shoot(page, "dashboard-story")
    await page.get_by_role("button", name="Vérifier maintenant").click()
    await expect(page.get_by_text("Le prestataire a été interrogé.")).to_be_visible(timeout=SLOW)
    await page.locator("details.box summary", has_text="transaction.succeeded").click()
    await page.get_by_role("button", name="Renvoyer").last.click()
    await expect(page.get_by_text("L'événement repart.")).to_be_visible()
    await page.get_by_role("button", name="Se déconnecter").click()
    await expect(page.get_by_role("heading", name="Connexion")).to_be_visible()
    await page.go_back()
    await page.reload()
    await expect(page.get_by_role("heading", name="Connexion")).to_be_visible()


async def test_an_unpaid_payment_can_be_cancelled(merchant: Any, signed_in: Any) -> None:
    """The button is there only while no money can move."""
    _, made = await merchant.checkout()
    page = await signed_in()
    await page.goto(page.url + f"/transactions/{made['id']}")
    await page.get_by_role("button", name="Cancel payment").click()
    await expect(page.get_by_text("The payment is cancelled.")).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel payment")).to_have_count(0)
    assert (await merchant.read(made["id"]))["status"] == "cancelled"


async def test_a_provider_is_paused_with_a_reason_and_resumed(
    merchant: Any, signed_in: Any, shoot: Any
) -> None:
    """New payments go elsewhere, and whoever looks sees why."""
    page = await signed_in(wide=True)
    await page.get_by_role("link", name="Providers").click()
    account = page.locator(".account", has_text="PayDunya")
    await account.locator("input[id^=reason-]").fill("contract is being renewed")
    await account.get_by_role("button", name="Pause").click()
    try:
        await expect(account.get_by_text("Paused because: contract is being renewed by")).to_be_visible()
        await shoot(page, "dashboard-providers")
        _, found = await merchant.call("GET", "/api/providers")
        assert {item["provider"]: item["status"] for item in found["data"]}["paydunya"] == "paused"
    finally:
        await account.get_by_role("button", name="Resume").click()
    await expect(account.get_by_text("Healthy")).to_be_visible()
    await account.get_by_text("What happened to it").click()
    changes = account.locator("details", has_text="What happened to it").locator("li")
    await expect(changes.first).to_contain_text("resumed")
    await expect(changes.nth(1)).to_contain_text("contract is being renewed")


async def test_an_endpoint_is_added_shown_its_secret_once_and_removed(signed_in: Any, shoot: Any) -> None:
    """A wrong address is said at the field; nothing typed is lost."""
    url = f"https://shop.example/hooks/{uuid.uuid4().hex[:8]}"
    page = await signed_in(wide=True)
    await page.get_by_role("link", name="Webhooks").click()
    await page.fill("#url", "http://user@shop.example/hooks")
    await page.get_by_role("button", name="Add").click()
    await expect(page.locator("#wrong-url")).to_have_text("Expected an http or https address.")
    await expect(page.locator("#url")).to_have_value("http://user@shop.example/hooks")
    await page.fill("#url", url)
    await page.get_by_role("button", name="Add").click()
    await expect(page.locator(".secret")).to_have_text(re.compile("^whsec_"))
    await shoot(page, "dashboard-webhooks")
    await page.goto(page.url)
    await expect(page.locator(".secret")).to_have_count(0)
    await page.locator("tbody a", has_text=url).first.click()
    await page.get_by_text("Remove this endpoint").click()
    await page.get_by_role("button", name=f"Remove {url}").click()
    await expect(page.get_by_text("The endpoint is removed.")).to_be_visible()
    await expect(page.get_by_text(url)).to_have_count(0)


async def test_a_key_is_made_shown_once_replaced_and_revoked(
    merchant: Any, people: Any, demo: dict[str, Any], session: Any, signed_in: Any, shoot: Any
) -> None:
    """What is wrong is said and nothing ticked is lost; the key works, its successor beside it, until it is revoked."""
    page = await signed_in()
    await page.get_by_role("link", name="API keys").click()
    await page.get_by_label("Name", exact=True).fill("Accounting")
    await page.get_by_role("radio", name=re.compile("Only what you choose")).check()
    for box in await page.get_by_role("checkbox").all():
        await box.uncheck()
    await page.get_by_role("button", name="Make the key").click()
    await expect(page.locator("#wrong-key")).to_have_text("Choose what the key may do.")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Accounting")
    await page.get_by_label("See payments").check()
    await page.get_by_role("button", name="Make the key").click()
    secret = page.locator(".secret")
    await expect(secret).to_have_text(re.compile(r"^sk_test_\w{49}$"))
    key = str(await secret.text_content())
    await shoot(page, "dashboard-keys")
    await page.goto(page.url)
    await expect(secret).to_have_count(0)

    async def answers(key: str, path: str = "/api/transactions") -> int:
        accountant, _ = people(session, demo["url"], key, demo["phone_url"])
        return (await accountant.call("GET", path))[0]

    assert [await answers(key), await answers(key, "/api/payouts")] == [200, 403]
    await page.get_by_role("button", name="Replace Accounting").click()
    follower = str(await secret.text_content())
    assert [await answers(key), await answers(follower)] == [200, 200]
    await expect(page.get_by_text(re.compile("^Replaced, good until"))).to_be_visible()
    for _ in range(2):
        await page.get_by_text("Revoke", exact=True).first.click()
        await page.get_by_role("button", name="Revoke now").first.click()
        await expect(page.get_by_text("The key is revoked.")).to_be_visible()
    assert [await answers(key), await answers(follower)] == [401, 401]


async def test_a_provider_account_is_opened_and_changed_and_its_secrets_never_come_back(
    signed_in: Any, shoot: Any, rows: Any
) -> None:
    """What the provider's own rules refuse is said at its field, in the reader's language."""
    page = await signed_in(language="fr-FR")
    await page.goto(page.url + "/providers")
    await page.get_by_role("link", name="Ajouter un compte de prestataire").click()
    await page.get_by_role("link", name=re.compile("PayDunya")).click()
    await page.get_by_label("Clé principale").fill("principale-123")
    await page.get_by_label("Clé privée").fill("live_private_SimulatorOnly")
    await page.get_by_label("Token").fill("jeton-123")
    await page.get_by_text("Autres réglages").click()
    await page.get_by_label("Priorité").fill("900")
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.locator("#wrong-private_key")).to_have_text("cette clé est du mode réel")
    await shoot(page, "dashboard-account")
    await page.get_by_label("Clé principale").fill("principale-123")
    await page.get_by_label("Clé privée").fill("test_private_SimulatorOnly")
    await page.get_by_label("Token").fill("jeton-123")
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_text(re.compile("Le compte est ouvert"))).to_be_visible()
    made = await rows.fetchval("SELECT id FROM provider_accounts WHERE priority = 900")
    try:
        await page.goto(page.url.partition("?")[0] + f"/{made}/change")
        assert "principale-123" not in await page.content()
        await page.get_by_label("Heures avant la fin").fill("12")
        await page.get_by_role("button", name="Enregistrer").click()
        await expect(page.get_by_text("Le compte est modifié.")).to_be_visible()
        kept = await rows.fetchrow("SELECT config, priority FROM provider_accounts WHERE id = $1", made)
        assert json.loads(kept["config"])["expire_after_hours"] == 12
        assert kept["priority"] == 900
        assert "principale-123" not in kept["config"]
    finally:
        await rows.execute("DELETE FROM provider_accounts WHERE id = $1", made)


async def test_live_mode_is_another_world_that_says_how_to_begin(signed_in: Any, shoot: Any) -> None:
    """No test payment shows there, and the test ribbon is gone."""
    page = await signed_in()
    await expect(page.get_by_text("Test mode: no real money moves.")).to_be_visible()
    await page.get_by_role("button", name="Live").click()
    await expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_text("No payments in live mode yet")).to_be_visible()
    await expect(page.get_by_text("Test mode: no real money moves.")).to_have_count(0)
    await shoot(page, "dashboard-empty")


async def test_a_list_has_pages_and_filters(merchant: Any, signed_in: Any, shoot: Any) -> None:
    """Older payments are one click away, and the filter stays."""
    for _ in range(27):
        await merchant.checkout()
    page = await signed_in(language="fr-FR")
    await page.select_option("select[name=status]", "requires_payment_method")
    await page.click("form.search button")
    await expect(page.locator("tbody tr")).to_have_count(25)
    await shoot(page, "dashboard-list-phone")
    await page.get_by_role("link", name="Plus anciens").click()
    await expect(page.locator("select[name=status]")).to_have_value("requires_payment_method")
    await expect(page.locator("tbody tr").first).to_be_visible()
    await page.get_by_role("link", name="Les plus récents").click()
    await expect(page.locator("tbody tr")).to_have_count(25)
    await page.fill("input[name=q]", "nobody-has-this")
    await page.click("form.search button")
    await expect(page.get_by_text("Rien ne correspond")).to_be_visible()


async def test_a_wrong_password_says_so_and_the_right_one_leads_where_one_was_going(
    demo: dict[str, Any], visit: Any, shoot: Any
) -> None:
    """The address typed stays; neither answer tells whether it exists."""
    page = await visit(dark=True)
    await page.goto(f"{demo['dashboard_url']}/providers")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.fill("#email", demo["dashboard_user"])
    await page.fill("#password", "not this one")
    await page.click("form .button")
    await expect(page.get_by_text("The address or the password is wrong.")).to_be_visible()
    await expect(page.locator("#email")).to_have_value(demo["dashboard_user"])
    await shoot(page, "dashboard-sign-in")
    await page.fill("#password", demo["dashboard_password"])
    await page.click("form .button")
    await page.wait_for_url("**/dashboard/providers")
    await shoot(page, "dashboard-providers-dark")


async def test_the_story_reads_well_in_the_dark_and_on_a_phone(
    demo: dict[str, Any], signed_in: Any, shoot: Any
) -> None:
    """For people to look at; nothing is wider than the screen."""
    for wide in (False, True):
        page = await signed_in(dark=True, wide=wide)
        await page.goto(f"{demo['dashboard_url']}/transactions/{demo['first_payment']}")
        await expect(page.get_by_role("heading", name="What happened")).to_be_visible()
        await shoot(page, f"dashboard-story-dark-{'desk' if wide else 'phone'}")
        for path in ("", "/providers", "/webhooks", f"/transactions/{demo['first_payment']}"):
            await page.goto(demo["dashboard_url"] + path)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def test_guessing_passwords_ends_after_ten_tries(
    demo: dict[str, Any], session: aiohttp.ClientSession
) -> None:
    """Per address, whoever asks, also all at once."""
    url = f"{demo['dashboard_url']}/sign-in"
    form = {"email": "guessed@shop.example", "password": "1234"}
    headers = {"origin": demo["url"]}
    statuses: list[int] = []
    for _ in range(12):
        async with session.post(url, data=form, headers=headers) as response:
            statuses.append(response.status)
    assert statuses == [422] * 10 + [429] * 2


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
async def test_a_form_from_elsewhere_is_refused(
    demo: dict[str, Any], session: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    """Even with the right password in it."""
    form = {"email": demo["dashboard_user"], "password": demo["dashboard_password"]}
    async with session.post(
        f"{demo['dashboard_url']}/sign-in", data=form, headers=headers, allow_redirects=False
    ) as response:
        assert response.status == 403
        assert "set-cookie" not in response.headers


async def test_signing_in_never_leads_to_another_site(
    demo: dict[str, Any], session: aiohttp.ClientSession
) -> None:
    """`next` is ours or nothing."""
    for target in ("https://evil.example", "//evil.example", "/dashboard\\@evil.example", "/dashboardevil"):
        form = {"email": demo["dashboard_user"], "password": demo["dashboard_password"], "next": target}
        async with session.post(
            f"{demo['dashboard_url']}/sign-in",
            data=form,
            headers={"origin": demo["url"]},
            allow_redirects=False,
        ) as response:
            assert response.status == 303
            assert response.headers["location"] == "/dashboard"
            cookie = response.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=lax" in cookie


async def test_another_merchants_payment_is_not_found(demo: dict[str, Any], signed_in: Any) -> None:
    """As if it did not exist, in words of the page."""
    page = await signed_in()
    answer = await page.goto(f"{demo['dashboard_url']}/transactions/txn_01nothingofthekind")
    assert answer.status == 404
    await expect(page.get_by_role("heading", name="This page is not available")).to_be_visible()

"""The payer's page, as payers meet it: on a phone, in a hurry, with and without JavaScript."""

import asyncio
import re
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect

BOTH_WAYS = pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
SLOW = 30_000  # ms; a loaded machine, and a page that refreshes every 3 s
WEIGHT_MAX_BYTES = 30 * 1024


async def link_for(merchant: Any, **fields: Any) -> Any:
    """A payment for which the payer still has to choose how."""
    status, made = await merchant.checkout(
        description="2 sacs de riz",
        return_url="https://shop.example/merci",
        cancel_url="https://shop.example/panier",
        **fields,
    )
    assert status == 201, made
    assert made["status"] == "requires_payment_method"
    return made


async def choose(page: Page, operator: str, phone: str | None = None) -> None:
    await page.check(f"input[name=method][value={operator}]")
    if phone is not None:
        await page.fill("#phone", phone)
    await page.click("button.wide")


def heading(page: Page, text: str) -> Any:
    return page.get_by_role("heading", name=text)


@BOTH_WAYS
async def test_a_payer_chooses_approves_on_the_phone_and_gets_a_receipt(
    merchant: Any, payer: Any, visit: Any, shoot: Any, javascript: bool
) -> None:
    """The whole way, in French: nothing to reload by hand."""
    phone = "+221771000001" if javascript else "+221771000002"
    made = await link_for(merchant)
    page = await visit(javascript=javascript, language="fr-FR")
    await page.goto(made["checkout_url"])
    await expect(page.locator("h1")).to_have_text(re.compile(r"5\s000\sF\sCFA"))
    await expect(page.get_by_text("Boutique Teranga")).to_be_visible()
    await shoot(page, f"pay-choose-{'js' if javascript else 'plain'}")
    await choose(page, "orange_sn", phone.replace("+221", ""))
    await expect(heading(page, "Validez sur votre téléphone")).to_be_visible(timeout=SLOW)
    await shoot(page, f"pay-approve-{'js' if javascript else 'plain'}")
    await payer.decide(phone, "approve")
    await expect(heading(page, "Paiement réussi")).to_be_visible(timeout=SLOW)
    await expect(page.get_by_role("link", name="Retour à la boutique")).to_have_attribute(
        "href", "https://shop.example/merci"
    )
    done = await merchant.read(made["id"])
    receipt = page.locator(".receipt")
    await expect(receipt).to_contain_text(made["reference"])
    await expect(receipt).to_contain_text(done["attempts"][0]["operator_reference"])
    await expect(receipt).to_contain_text("Orange Money")
    await shoot(page, f"pay-succeeded-{'js' if javascript else 'plain'}")


@BOTH_WAYS
async def test_an_operator_that_wants_a_code_first_is_given_one(
    merchant: Any,
    demo: dict[str, Any],
    session: aiohttp.ClientSession,
    visit: Any,
    shoot: Any,
    javascript: bool,
) -> None:
    """The page shows what to dial, refuses what cannot be a code, and takes the code that came."""
    phone = "+22604111111" if javascript else "+22604111112"
    made = await link_for(merchant, country="BF")
    page = await visit(javascript=javascript)
    await page.goto(made["checkout_url"])
    await choose(page, "orange_bf", phone)
    await expect(heading(page, "Enter your code")).to_be_visible(timeout=SLOW)
    # As the operator says it through pawaPay, and not with the amount as we would.
    dial = page.get_by_role("link", name="Dial *144*4*6#")
    await expect(dial).to_have_attribute("href", "tel:*144*4*6%23")
    await shoot(page, f"pay-code-{'js' if javascript else 'plain'}")
    await page.fill("#otp", "12-34")
    await page.click("button.wide")
    await expect(page.locator("#wrong-otp")).to_have_text("Expected 1 to 36 letters or digits.")
    call = {"phone": phone, "code": "*144*4*6#"}
    async with session.post(f"{demo['phone_url']}/dial", json=call) as answer:
        code = (await answer.json())["code"]
    await page.fill("#otp", code)
    await page.click("button.wide")
    await expect(heading(page, "Payment successful")).to_be_visible(timeout=SLOW)


@BOTH_WAYS
async def test_a_code_that_the_wallet_sends_is_typed_over_and_a_wrong_one_is_no_end(
    merchant: Any, payer: Any, session: aiohttp.ClientSession, visit: Any, shoot: Any, javascript: bool
) -> None:
    phone = "+221774100555" if javascript else "+221774100556"
    made = await link_for(merchant)
    page = await visit(javascript=javascript, language="fr-FR")
    await page.goto(made["checkout_url"])
    await choose(page, "wizall_sn", phone)
    await expect(heading(page, "Entrez votre code")).to_be_visible(timeout=SLOW)
    name = f"pay-code-after-{'js' if javascript else 'plain'}"
    await shoot(page, name)
    await page.fill("#otp", "000000")
    await page.click("button.wide")
    await expect(page.locator("#wrong-otp")).to_have_text("Le code est faux ou n'est plus valable.")
    await shoot(page, f"{name}-wrong")
    async with session.get(f"{payer.url}/prompts", params={"phone": phone}) as answer:
        code = (await answer.json())[-1]["code"]
    await page.fill("#otp", code)
    await page.click("button.wide")
    await expect(heading(page, "Paiement réussi")).to_be_visible(timeout=SLOW)


async def test_a_payer_whose_code_died_on_the_way_is_asked_for_another_with_a_reason(
    merchant: Any, faults: Any, visit: Any, shoot: Any
) -> None:
    rules = [{"exclude": ["paydunya"]}]
    assert (await merchant.call("PUT", "/api/routing/rules", {"rules": rules}))[0] == 200
    try:
        made = await link_for(merchant, country="BF")
        page = await visit(language="fr-FR")
        await page.goto(made["checkout_url"])
        await choose(page, "orange_bf", "+22604111113")
        await faults("pawapay", refuse_connection=1.0)
        await page.fill("#otp", "123456")
        await page.click("button.wide")
        await expect(heading(page, "Nous vérifions auprès de votre opérateur")).to_be_visible(timeout=SLOW)
        await faults("pawapay")
        await expect(heading(page, "Entrez votre code")).to_be_visible(timeout=SLOW)
        await expect(page.get_by_text("vous ne paierez pas deux fois")).to_be_visible()
        await shoot(page, "pay-code-again")
    finally:
        await merchant.call("PUT", "/api/routing/rules", {"rules": []})


@BOTH_WAYS
async def test_a_wallet_with_a_page_of_its_own_sends_the_payer_there_and_back(
    merchant: Any, visit: Any, shoot: Any, javascript: bool
) -> None:
    """The way back asks the provider, and believes nothing in the address."""
    made = await link_for(merchant)
    page = await visit(javascript=javascript)
    await page.goto(made["checkout_url"])
    await choose(page, "wave_sn", "77 200 00 21")
    go = page.get_by_role("link", name="Continue to Wave")
    await expect(go).to_be_visible(timeout=SLOW)
    await shoot(page, f"pay-redirect-{'js' if javascript else 'plain'}")
    await page.goto(made["checkout_url"] + "/return?token=made-up")  # too early: nothing is paid
    await expect(go).to_be_visible()
    await go.click()
    await page.click("button[value=pay]")
    await expect(heading(page, "Payment successful")).to_be_visible(timeout=SLOW)
    assert page.url == made["checkout_url"]
    await shoot(page, f"pay-redirect-done-{'js' if javascript else 'plain'}")


@BOTH_WAYS
async def test_a_failed_try_says_why_and_another_one_succeeds(
    merchant: Any, visit: Any, shoot: Any, javascript: bool
) -> None:
    """The merchant hears of no failure while the payer is still trying."""
    made = await link_for(merchant, customer={"phone": "+221773456049"})
    page = await visit(javascript=javascript)
    await page.goto(made["checkout_url"])
    await expect(page.locator("#phone")).to_have_value("+221773456049")
    await expect(page.locator("input[value=orange_sn]")).to_be_checked()
    await page.click("button.wide")
    await expect(page.get_by_text("There is not enough money on the account.")).to_be_visible(timeout=SLOW)
    await shoot(page, f"pay-try-again-{'js' if javascript else 'plain'}")
    await choose(page, "orange_sn", "+221773456789")
    await expect(heading(page, "Payment successful")).to_be_visible(timeout=SLOW)
    done = await merchant.read(made["id"])
    assert [attempt["status"] for attempt in done["attempts"]] == ["failed", "succeeded"]
    await merchant.hears(made["id"], "created", "processing", "processing", "succeeded")


async def test_a_wrong_number_is_said_at_its_field_and_nothing_typed_is_lost(
    merchant: Any, visit: Any, shoot: Any
) -> None:
    """The country is named in words, the radio button stays where it was."""
    made = await link_for(merchant)
    page = await visit(language="fr-FR")
    await page.goto(made["checkout_url"])
    await choose(page, "free_sn", "12 34")
    await expect(page.locator("#wrong-phone")).to_have_text(
        "Vérifiez ce numéro\u00a0: ce n'est pas un numéro valable (Sénégal)."
    )
    await expect(page.locator("#phone")).to_have_value("12 34")
    await expect(page.locator("#phone")).to_be_focused()
    await expect(page.locator("input[value=free_sn]")).to_be_checked()
    await shoot(page, "pay-wrong-phone")


async def test_a_provider_that_went_away_meanwhile_is_said_above_the_methods(
    merchant: Any, visit: Any
) -> None:
    """The page was loaded before the operator's only carrier was paused."""
    made = await link_for(merchant, country="UG", currency="UGX")
    page = await visit()
    await page.goto(made["checkout_url"])
    _, accounts = await merchant.call("GET", "/api/providers")
    account = next(item["id"] for item in accounts["data"] if item["provider"] == "pawapay")
    await merchant.call("POST", f"/api/providers/{account}/pause", {"reason": "a test"})
    try:
        await choose(page, "mtn_ug", "+256783456789")
        await expect(page.get_by_text("No way to pay is available right now")).to_be_visible()
    finally:
        await merchant.call("POST", f"/api/providers/{account}/resume")
    await page.goto(made["checkout_url"])
    await choose(page, "mtn_ug", "+256783456789")
    await expect(heading(page, "Payment successful")).to_be_visible(timeout=SLOW)


async def test_two_clicks_start_one_payment(merchant: Any, session: aiohttp.ClientSession) -> None:
    """Both are shown the state of the one that runs."""
    made = await link_for(merchant)
    form = {"method": "orange_sn", "phone": "+221771000003"}

    async def click() -> int:
        async with session.post(made["checkout_url"], data=form, allow_redirects=False) as response:
            return response.status

    assert await asyncio.gather(*[click() for _ in range(5)]) == [303] * 5
    assert len((await merchant.read(made["id"]))["attempts"]) == 1


async def test_a_payer_may_change_the_method_before_the_code_is_given(merchant: Any, visit: Any) -> None:
    """Nothing was sent yet, so nothing is at risk."""
    made = await link_for(merchant, country="BF")
    page = await visit()
    await page.goto(made["checkout_url"])
    await choose(page, "orange_bf", "+22604111113")
    await page.get_by_role("link", name="Pay another way").click()
    await choose(page, "moov_bf", "+22602345678")
    await expect(heading(page, "Payment successful")).to_be_visible(timeout=SLOW)


async def test_cancelled_failed_and_open_ends_have_calm_words(merchant: Any, visit: Any, shoot: Any) -> None:
    """Each end says what became of the money."""
    page = await visit()
    cancelled = await link_for(merchant)
    await merchant.call("POST", f"/api/transactions/{cancelled['id']}/cancel")
    await page.goto(cancelled["checkout_url"])
    await expect(heading(page, "Payment cancelled")).to_be_visible()
    await expect(page.get_by_role("link", name="Back to the shop")).to_have_attribute(
        "href", "https://shop.example/panier"
    )
    await shoot(page, "pay-cancelled")
    failed = await merchant.pay("orange_sn", "+221773456029")
    await merchant.until(failed["id"], "failed")
    await page.goto(failed["checkout_url"])
    await expect(page.get_by_text("This number has no active mobile-money account")).to_be_visible()
    await shoot(page, "pay-failed")


async def test_an_uncertain_answer_tells_the_payer_not_to_pay_again(
    merchant: Any, payer: Any, faults: Any, visit: Any, shoot: Any
) -> None:
    """The provider's answer was lost: we ask it, and the page waits without a word about failure."""
    await faults("pawapay", lose_answer=1.0)
    made = await merchant.pay("orange_sn", "+221771000004")
    page = await visit()
    await page.goto(made["checkout_url"])
    await expect(heading(page, "We are checking with your operator")).to_be_visible()
    await shoot(page, "pay-checking")
    await faults("pawapay")
    await payer.decide("+221771000004", "approve")
    await expect(heading(page, "Payment successful")).to_be_visible(timeout=SLOW)


async def test_a_link_that_leads_nowhere_is_a_page_too(demo: dict[str, Any], visit: Any, shoot: Any) -> None:
    """Same look, no stack trace, no JSON."""
    page = await visit(language="fr-FR")
    answer = await page.goto(demo["url"] + "/pay/" + "x" * 40)
    assert answer.status == 404
    await expect(heading(page, "Cette page n'est pas disponible")).to_be_visible()
    await shoot(page, "pay-not-found")


@pytest.mark.parametrize("language", ["fr-FR", "en-GB"])
async def test_both_languages_are_whole_and_one_click_apart(
    merchant: Any, visit: Any, shoot: Any, language: str
) -> None:
    """The browser's wish decides, a click overrules it and is remembered."""
    made = await link_for(merchant)
    page = await visit(language=language)
    await page.goto(made["checkout_url"])
    words = {"fr": "Comment voulez-vous payer", "en": "How would you like to pay"}
    first, other = ("fr", "en") if language == "fr-FR" else ("en", "fr")
    await expect(page.get_by_text(words[first])).to_be_visible()
    await page.click(f"a[hreflang={other}]")
    await expect(page.get_by_text(words[other])).to_be_visible()
    await page.goto(made["checkout_url"])
    await expect(page.get_by_text(words[other])).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", other)


@pytest.mark.parametrize("wide", [False, True], ids=["phone", "desk"])
async def test_it_looks_right_in_the_dark(merchant: Any, visit: Any, shoot: Any, wide: bool) -> None:
    """For people to look at; the contrast is held by the accessibility tests."""
    made = await link_for(merchant)
    page = await visit(dark=True, wide=wide, language="fr-FR")
    await page.goto(made["checkout_url"])
    await shoot(page, f"pay-choose-dark-{'desk' if wide else 'phone'}")
    await choose(page, "wave_sn", "77 200 00 22")
    await expect(page.get_by_role("link", name="Continuer vers Wave")).to_be_visible(timeout=SLOW)
    await expect(page.locator("img.qr")).to_be_visible(visible=wide)
    await shoot(page, f"pay-redirect-dark-{'desk' if wide else 'phone'}")


async def test_the_first_load_weighs_at_most_thirty_kilobytes(merchant: Any, visit: Any) -> None:
    """Before compression, with everything that the page asks for."""
    made = await link_for(merchant, customer={"phone": "+221773456789"})
    page = await visit()
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 — a builtin method cannot be listened with
    await page.goto(made["checkout_url"], wait_until="networkidle")
    weights = {answer.url: len(await answer.body()) for answer in answers}
    assert sum(weights.values()) <= WEIGHT_MAX_BYTES, weights
    assert all(url.startswith(made["checkout_url"].split("/pay/")[0]) for url in weights)


async def test_what_a_merchant_writes_never_becomes_code(merchant: Any, visit: Any) -> None:
    """Escaped in the page, and nothing inline would run anyway."""
    status, made = await merchant.checkout(description="<script>document.title='owned'</script><b>rice</b>")
    assert status == 201
    page = await visit()
    answer = await page.goto(made["checkout_url"])
    await expect(page.get_by_text("<b>rice</b>")).to_be_visible()
    assert "owned" not in await page.title()
    headers = await answer.all_headers()
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"

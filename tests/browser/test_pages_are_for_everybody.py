"""Accessibility: axe finds nothing on any page, light or dark, and the keyboard alone is enough."""

import uuid
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

SLOW = 30_000
BOTH_SCHEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


async def clean(page: Page) -> None:
    """Run axe; its script is let in past the page's policy, which other tests hold."""
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@BOTH_SCHEMES
async def test_the_payers_page_is_accessible_in_each_state(merchant: Any, visit: Any, dark: bool) -> None:
    """Choosing, a mistake, a code, a redirect, waiting, each end."""
    page = await visit(dark=dark, bypass_csp=True)
    _, made = await merchant.checkout(country="BF", cancel_url="https://shop.example/panier")
    await page.goto(made["checkout_url"])
    await clean(page)
    await page.check("input[value=orange_bf]")
    await page.fill("#phone", "1")
    await page.click("button.wide")
    await expect(page.locator("#wrong-phone")).to_be_visible()
    await clean(page)
    await page.fill("#phone", "+22604111114")
    await page.click("button.wide")
    await expect(page.locator("#otp")).to_be_visible(timeout=SLOW)
    await clean(page)
    _, made = await merchant.checkout()
    await page.goto(made["checkout_url"])
    await page.check("input[value=wave_sn]")
    await page.fill("#phone", "77 200 00 23")
    await page.click("button.wide")
    await expect(page.get_by_role("link", name="Continue to Wave")).to_be_visible(timeout=SLOW)
    await clean(page)
    for phone, status in (
        ("+221773456129", "processing"),
        ("+221773456789", "succeeded"),
        ("+221773456049", "failed"),
    ):
        made = await merchant.pay("orange_sn", phone)
        await merchant.until(made["id"], status)
        await page.goto(made["checkout_url"])
        await clean(page)


async def one_waits(merchant: Any) -> None:
    """Have a payout wait for a second person, in a currency that nobody else's test sends."""
    limits: dict[str, int]
    for limits in ({"XAF": 1000}, {}):
        body = {"late_success": "hold", "payout_approval_above": limits}
        await merchant.call("PUT", "/api/policies", body)
        if limits:
            method = {"type": "mobile_money", "operator": "mtn_cm", "phone": "+237653456789"}
            payout = {"amount": 5000, "currency": "XAF", "country": "CM", "payment_method": method}
            payout["reference"] = uuid.uuid4().hex
            headers = {"idempotency-key": uuid.uuid4().hex}
            _, made = await merchant.call("POST", "/api/payouts", payout, headers=headers)
            assert made["status"] == "requires_approval"


@BOTH_SCHEMES
@pytest.mark.parametrize("wide", [False, True], ids=["phone", "desk"])
async def test_the_dashboard_is_accessible(
    demo: dict[str, Any], merchant: Any, visit: Any, signed_in: Any, dark: bool, wide: bool
) -> None:
    """Every page of it."""
    await one_waits(merchant)
    _, accounts = await merchant.call("GET", "/api/providers")
    page = await visit(dark=dark, wide=wide, bypass_csp=True)
    await page.goto(f"{demo['dashboard_url']}/sign-in")
    await clean(page)
    page = await signed_in(dark=dark, wide=wide, bypass_csp=True)
    await clean(page)
    for path in (
        "/overview?period=month",
        "/providers",
        "/webhooks",
        "/keys",
        "/settings",
        "/approvals",
        "/providers/new?provider=pawapay",
        f"/providers/{accounts['data'][0]['id']}?window=week",
        "/routing?means=SN/orange_sn&amount=5000",
        "/routing/replay",
        "?q=nobody-has-this",
        "?country=SN&status=succeeded",
        "/money-out/payouts",
        "/queue/unresolved",
        "/queue/needs_review",
        "/export/transactions",
        f"/transactions/{demo['first_payment']}",
    ):
        await page.goto(demo["dashboard_url"] + path)
        for summary in await page.locator("details.box summary").all():
            await summary.click()
        await clean(page)
    await page.get_by_role("button", name="Live").click()
    # Whether there is a live payment depends on which other tests share the demo.
    await expect(page.get_by_role("button", name="Live")).to_have_attribute("aria-pressed", "true")
    await clean(page)


async def test_a_keyboard_is_enough_to_pay(merchant: Any, visit: Any) -> None:
    """Tab, arrows, type, Enter."""
    _, made = await merchant.checkout(customer={"phone": "+221773456789"})
    page = await visit()
    await page.goto(made["checkout_url"])
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("input[value=orange_sn]")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("#phone")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Payment successful")).to_be_visible(timeout=SLOW)

"""Pages that say what is new by themselves, and take nothing away from whoever is in the middle of something."""

from typing import Any

from playwright.async_api import Page, expect

SLOW = 30_000


async def mark(page: Page) -> None:
    """Leave something that a page which is loaded again would not have."""
    await page.evaluate("window.neverLoadedAgain = true")


async def was_never_loaded_again(page: Page) -> bool:
    return await page.evaluate("window.neverLoadedAgain === true")


async def test_a_payment_that_is_paid_elsewhere_appears_in_the_list(
    merchant: Any, signed_in: Any, shoot: Any
) -> None:
    """Without a reload, and while somebody types into the search."""
    page = await signed_in(wide=True)
    await mark(page)
    await page.locator("input[name=q]").press_sequentially("half a refer")
    _, made = await merchant.checkout()
    row = page.locator("tr", has_text=made["reference"])
    await expect(row).to_be_visible(timeout=SLOW)
    other = await page.context.new_page()
    await other.goto(made["checkout_url"])
    await other.check("input[value=orange_sn]")
    await other.fill("#phone", "77 345 67 89")
    await other.click("button.wide")
    await expect(row.get_by_text("Succeeded", exact=True)).to_be_visible(timeout=SLOW)
    await expect(page.locator("input[name=q]")).to_have_value("half a refer")
    await expect(page.locator("input[name=q]")).to_be_focused()
    assert await was_never_loaded_again(page)


async def test_the_story_of_a_payment_goes_on_while_it_is_read(merchant: Any, signed_in: Any) -> None:
    """What was unfolded stays so, and a row keeps its focus."""
    _, made = await merchant.checkout()
    page = await signed_in(wide=True)
    await page.goto(page.url + f"/transactions/{made['id']}")
    await mark(page)
    event = page.locator("details.box", has_text="transaction.created")
    await expect(event).to_have_count(1, timeout=SLOW)
    await event.locator("summary").click()
    await page.get_by_role("button", name="Cancel payment").focus()
    status, _ = await merchant.call("POST", f"/api/transactions/{made['id']}/cancel")
    assert status == 200
    await expect(page.locator(".head .badge.cancelled")).to_be_visible(timeout=SLOW)
    await expect(page.locator("details.box[open]", has_text="transaction.created")).to_have_count(1)
    assert await was_never_loaded_again(page)


async def test_the_overview_counts_on_while_it_is_looked_at(
    demo: dict[str, Any], merchant: Any, signed_in: Any, shoot: Any
) -> None:
    """And what was unfolded of it stays so."""
    made = await merchant.pay("orange_sn", "+221773456789")
    await merchant.until(made["id"], "succeeded")
    for dark, wide in ((False, True), (True, True), (False, False), (True, False)):
        page = await signed_in(language="fr-FR", wide=wide, dark=dark)
        await page.goto(f"{demo['dashboard_url']}/overview")
        await shoot(page, f"dashboard-overview-{'wide' if wide else 'phone'}-{'dark' if dark else 'light'}")
    await mark(page)
    await page.locator("#as-table summary").click()
    paid = page.locator(".figures small")
    before = await paid.inner_text()
    made = await merchant.pay("orange_sn", "+221773456789")
    await expect(paid).not_to_have_text(before, timeout=SLOW)
    await expect(page.locator("#as-table[open]")).to_have_count(1)
    assert await was_never_loaded_again(page)


async def test_without_javascript_the_pages_are_as_they_were(merchant: Any, signed_in: Any) -> None:
    _, made = await merchant.checkout()
    page = await signed_in(javascript=False)
    await expect(page.get_by_text(made["reference"])).to_be_visible()
    await page.goto(page.url + f"/transactions/{made['id']}")
    await expect(page.get_by_text(made["id"], exact=True)).to_be_visible()

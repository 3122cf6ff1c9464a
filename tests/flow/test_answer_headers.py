"""No answer is without its security headers, no page has code in it, and what people wrote stays text."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest

PAYLOAD = "<script>document.title='xss'</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(2)>{{7*7}}"
NEEDED = {
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "permissions-policy",
}
PAGES_MAX = 60


class Page(HTMLParser):
    """What a browser would make of a page, as far as code and links go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.code: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.add(str(given["href"]))
        if (tag == "script" and not given.get("src")) or tag in {
            "style",
            "iframe",
            "object",
            "embed",
            "base",
        }:
            self.code.append(tag)
        for name, value in attrs:
            if (
                name.startswith("on")
                or name == "style"
                or (value or "").strip().lower().startswith("javascript:")
            ):
                self.code.append(f"{tag} {name}={value}")


@pytest.fixture
async def browser(demo: dict[str, Any]) -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody who is signed in to the demo's dashboard."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(trust_env=False, cookie_jar=jar) as session:
        url = f"{demo['url']}/dashboard/sign-in"
        async with session.get(url) as answer:
            token = re.findall(r'name="form_token"[^>]*value="([^"]*)"', await answer.text())
        form = {
            "email": demo["dashboard_user"],
            "password": demo["dashboard_password"],
            "form_token": (token or [""])[0],
        }
        async with session.post(url, data=form, headers={"origin": demo["url"]}) as answer:
            assert "/sign-in" not in str(answer.url), await answer.text()
        yield session


def checked(response: aiohttp.ClientResponse, text: str) -> Page:
    lacking = NEEDED - {name.lower() for name in response.headers}
    assert lacking == set(), f"{response.method} {response.url}: {lacking}"
    policy = response.headers.getall("content-security-policy")
    assert len(policy) == 1
    assert "default-src 'none'" in policy[0]
    assert "unsafe" not in policy[0]
    assert "frame-ancestors 'none'" in policy[0]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in response.headers
    if "/static/" not in str(response.url) or response.status != 200:
        assert response.headers["cache-control"] == "no-store", response.url
    if text:
        kind = response.headers["content-type"]
        assert kind.startswith("application/") or "charset=utf-8" in kind, f"{response.url}: {kind}"
    if not response.content_type.startswith("text/html"):
        return Page("")
    page = Page(text)
    assert page.code == [], f"{response.url}: {page.code}"
    return page


async def test_no_page_that_a_link_leads_to_is_without_headers_or_has_code_in_it(
    demo: dict[str, Any], merchant: Any, browser: aiohttp.ClientSession
) -> None:
    _, made = await merchant.checkout(
        description=PAYLOAD, customer={"name": PAYLOAD[:100]}, metadata={"note": PAYLOAD[:400]}
    )
    assert made["id"], made
    paid = await merchant.pay("orange_sn", "+221773456789", description=PAYLOAD)
    await merchant.until(paid["id"], "succeeded")
    await merchant.call("POST", "/api/webhook-endpoints", {"url": f"{demo['url']}/x?a=%3Cscript%3E"})
    waiting = [
        *("/dashboard", f"/dashboard/transactions/{made['id']}", f"/dashboard/transactions/{paid['id']}"),
        *(
            "/docs",
            "/openapi.json",
            "/health/live",
            "/health/ready",
            "/nowhere",
            "/dashboard/nowhere",
            "/pay/nothing",
        ),
        *("/api/transactions", "/api/nothing", "/", "/simulators/phone", "/static/nothing.js", "/metrics"),
        *(
            urlsplit(made["checkout_url"]).path,
            urlsplit(paid["checkout_url"]).path,
            "/dashboard?q=" + "%3Cscript%3E",
        ),
    ]
    seen: set[str] = set()
    pages = 0
    while waiting and len(seen) < PAGES_MAX:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        async with browser.get(demo["url"] + path, headers={"accept": "text/html"}) as answer:
            assert answer.status < 500, path
            text = await answer.text()
            page = checked(answer, text)
        pages += answer.content_type.startswith("text/html")
        for link in sorted(page.links):
            parts = urlsplit(urljoin(demo["url"] + path, link))
            if parts.netloc == urlsplit(demo["url"]).netloc and "sign-out" not in parts.path:
                waiting.append(parts.path + (f"?{parts.query}" if parts.query else ""))
    assert pages >= 15, seen


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/checkout", 401),
        ("DELETE", "/api/checkout", 405),
        ("POST", "/dashboard/sign-in", None),
        ("OPTIONS", "/api/checkout", None),
        ("TRACE", "/api/checkout", 405),
        ("TRACE", "/", 405),
        ("HEAD", "/api/webhooks/pawapay", 200),
        ("POST", "/pay/nothing", None),
    ],
)
async def test_a_refusal_carries_them_too(
    demo: dict[str, Any], session: Any, method: str, path: str, status: int | None
) -> None:
    async with session.request(method, demo["url"] + path, allow_redirects=False) as answer:
        assert status in {None, answer.status}
        checked(answer, await answer.text())

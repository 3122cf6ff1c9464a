"""A merchant's look and policies: set by whoever may, kept in the audit log, seen by payers, and never more than asked for."""

import io
import re
from typing import Any

import aiohttp
import pytest
from desk import PASSWORD, PUBLIC_URL, Desk, Visitor
from PIL import Image

from afriflow.core.permission import Role

HERE = "/dashboard/settings"
FORM = {
    "name": "Chez Awa",
    "accent": "#ffcc00",
    "language": "fr",
    "support_phone": "33 800 00 11",
    "support_whatsapp": "77 123 45 67",
    "support_email": "Aide@Awa.test",
}


def a_picture(colour: str = "#c2410c") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(out, "PNG")
    return out.getvalue()


async def upload(visitor: Visitor, content: bytes, **fields: str) -> Any:
    form = aiohttp.FormData({"form_token": visitor.form_token, **fields})
    form.add_field("logo", io.BytesIO(content), filename="../../logo.svg", content_type="image/svg+xml")
    return await visitor._ask("POST", f"{HERE}/logo", data=form, headers={"origin": PUBLIC_URL})


async def test_a_look_is_set_shown_and_written_down(desk: Desk) -> None:
    owner = await desk.come_in()
    await owner.get(HERE)
    assert (await owner.post(HERE, **FORM)).location == f"{HERE}?done=brand"
    page = (await owner.get(HERE)).text
    for shown in ('value="Chez Awa"', 'value="#ffcc00"', 'value="+221771234567"', 'value="aide@awa.test"'):
        assert shown in page
    assert "wa.me/221771234567" in page
    merchant_id = await desk.merchant_of(owner.email)
    assert ("brand.changed", owner.email) in await desk.deeds(merchant_id)
    assert (
        await desk.rows.fetchval("SELECT language FROM merchants WHERE merchant_id = $1", merchant_id) == "fr"
    )
    # Links get a darker yellow on white, which the page says.
    address = re.findall(r'href="(/brand/accent/[^"]+)"', page)[0]
    sheet = await owner.get(address)
    assert (sheet.status, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in sheet.headers["cache-control"]
    assert "--button:#ffcc00" in sheet.text
    assert re.findall(r"--accent:(#\w+)", sheet.text)[0] in page
    assert (await owner.get(address.replace("ffcc00", "ffcc01"))).status == 404


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "", "This field is required."),
        ("name", "x" * 41, "At most 40 characters."),
        ("accent", "red;}*{display:none", "A colour is written like"),
        ("support_phone", "javascript:alert(1)", "no number that can be called"),
        ("support_whatsapp", "12", "with its country code"),
        ("support_email", "awa", "not an e-mail address"),
    ],
)
async def test_what_cannot_be_is_refused_at_its_field_and_nothing_typed_is_lost(
    desk: Desk, field: str, value: str, says: str
) -> None:
    owner = await desk.come_in()
    await owner.get(HERE)
    answer = await owner.post(HERE, **{**FORM, field: value})
    assert (answer.status, says in answer.words) == (422, True), answer.words
    assert "Aide@Awa.test" in answer.text or field == "support_email"
    assert await desk.rows.fetchval("SELECT count(*) FROM brands WHERE updated_by = $1", owner.email) == 0


async def test_a_logo_is_drawn_anew_and_sent_under_its_hash(desk: Desk) -> None:
    owner = await desk.come_in()
    await owner.get(HERE)
    assert (await upload(owner, a_picture())).location == f"{HERE}?done=brand"
    address = re.findall(r'src="(/brand/logo/[^"]+)"', (await owner.get(HERE)).text)[0]
    async with desk.session.get(desk.url + address) as answer:
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "immutable" in answer.headers["cache-control"]
        assert (await answer.read())[:4] == b"RIFF"
    stranger = await desk.come_in()
    other = await desk.merchant_of(stranger.email)
    mine = await desk.merchant_of(owner.email)
    assert (await owner.get(address.replace(mine, other))).status == 404
    answer = await upload(owner, b"<svg onload=alert(1)>")
    assert (answer.status, "no readable PNG" in answer.words) == (422, True)
    assert (await owner.post(f"{HERE}/logo/remove")).location == f"{HERE}?done=brand"
    assert (await owner.get(address)).status == 404


async def test_a_file_is_taken_from_our_own_page_alone_up_to_its_size_and_after_a_fresh_proof(
    desk: Desk,
) -> None:
    owner = await desk.come_in()
    await owner.get(HERE)
    assert (await upload(owner, a_picture(), form_token="0" * 32)).status == 403
    assert (await upload(owner, bytes(2 * 1024 * 1024))).status == 413
    await desk.let_age("proven_at", 60)
    page = await owner.get(HERE)
    assert 'type="file"' not in page.text
    assert (await upload(owner, a_picture())).status == 403
    await owner.get(HERE)
    assert (await owner.post(f"{HERE}/logo/begin")).status == 403
    assert (await owner.post(f"{HERE}/logo/begin", fresh_proof=PASSWORD)).location == f"{HERE}#logo"
    assert 'type="file"' in (await owner.get(HERE)).text
    assert (await upload(owner, a_picture())).status == 303


async def test_who_may_only_read_sees_and_changes_nothing(desk: Desk) -> None:
    finance = await desk.come_in(Role.FINANCE)
    page = await finance.get(HERE)
    assert (page.status, "Save" in page.text, 'type="file"' in page.text) == (200, False, False)
    for path in ("", "/logo/begin", "/logo/remove", "/policies"):
        assert (await finance.post(HERE + path, **FORM)).status == 403
    assert (await (await desk.come_in(Role.SUPPORT)).get(HERE)).status == 403


async def test_what_becomes_of_late_money_is_decided_per_mode(desk: Desk) -> None:
    owner = await desk.come_in()
    page = await owner.get(HERE)
    assert re.search(r'value="hold" checked', page.text)
    assert (await owner.post(f"{HERE}/policies", late_success="accept")).location == f"{HERE}?done=policy"
    assert re.search(r'value="accept" checked', (await owner.get(HERE)).text)
    assert (await owner.post(f"{HERE}/policies", late_success="keep")).location == HERE
    rows = await desk.rows.fetch(
        "SELECT mode, late_success FROM merchant_policies WHERE merchant_id = $1",
        await desk.merchant_of(owner.email),
    )
    assert [tuple(row) for row in rows] == [("test", "accept")]

"""How a merchant looks to its payers, and whom they ask for help: a name, a logo, one colour, and ways to be reached."""

import hashlib
import re
from dataclasses import asdict, dataclass

from afriflow.core.errors import FieldError, InvalidRequest, NotFound
from afriflow.core.language import LANGUAGES
from afriflow.core.msisdn import read_msisdn
from afriflow.core.operator import countries
from afriflow.db.engine import Connection
from afriflow.merchants import audit_log
from afriflow.merchants import brand_store as store
from afriflow.merchants.address import check_address
from afriflow.merchants.colour import read_colour
from afriflow.merchants.keys import Caller

# It stands alone on a line of a phone.
NAME_CHARACTERS_MAX = 40
# Numbers that only work at home, such as 3322 or 800 00 11 22, are good for being called.
_CALLED = re.compile(r"\+?[0-9][0-9 ().-]{1,22}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """What payers see.

    name: as payers know the merchant. accent: "#rrggbb", None = ours. support_*: whom payers ask, empty where there is
    none; the number of WhatsApp is E.164. language: of whoever wishes none. logo_hash: None without a logo.
    """

    name: str
    accent: str | None = None
    support_phone: str = ""
    support_whatsapp: str = ""
    support_email: str = ""
    language: str = "fr"
    logo_hash: str | None = None

    @property
    def has_support(self) -> bool:
        return bool(self.support_phone or self.support_whatsapp or self.support_email)


async def brand_of(connection: Connection, merchant_id: str) -> Brand:
    """Give how a merchant looks. Raises NotFound."""
    row = await connection.fetchrow(store.BRAND, merchant_id)
    if row is None:
        raise NotFound(id=merchant_id)
    return Brand(
        name=row["public_name"] or row["name"],
        accent=row["accent"],
        support_phone=row["support_phone"] or "",
        support_whatsapp=row["support_whatsapp"] or "",
        support_email=row["support_email"] or "",
        language=row["language"],
        logo_hash=row["logo_hash"],
    )


def read_brand(form: dict[str, str], country: str) -> Brand:
    """Read what somebody typed; the logo comes another way. country: of the merchant. Raises InvalidRequest."""
    faults: list[FieldError] = []
    name, phone, email = form.get("name", ""), form.get("support_phone", ""), form.get("support_email", "")
    if not name:
        faults.append(FieldError("/name", "missing"))
    elif not name.isprintable():
        faults.append(FieldError("/name", "invalid_text"))
    elif len(name) > NAME_CHARACTERS_MAX:
        faults.append(FieldError("/name", "too_long", {"limit": NAME_CHARACTERS_MAX}))
    accent = read_colour(form["accent"]) if form.get("accent") else None
    if form.get("accent") and accent is None:
        faults.append(FieldError("/accent", "not_a_colour"))
    if phone and not _CALLED.fullmatch(phone):
        faults.append(FieldError("/support_phone", "not_a_number_to_call"))
    whatsapp = _international(form.get("support_whatsapp", ""), country)
    if whatsapp is None:
        faults.append(FieldError("/support_whatsapp", "not_international"))
    if email:
        try:
            email = check_address(email)
        except InvalidRequest:
            faults.append(FieldError("/support_email", "invalid_email"))
    if faults:
        raise InvalidRequest(faults)
    language = form.get("language", "")
    return Brand(
        name=name,
        accent=accent,
        support_phone=phone,
        support_whatsapp=whatsapp or "",
        support_email=email,
        language=language if language in LANGUAGES else LANGUAGES[0],
    )


async def put_brand(connection: Connection, caller: Caller, brand: Brand) -> None:
    """Keep it, all but the logo; in a transaction."""
    before, after = asdict(await brand_of(connection, caller.merchant_id)), asdict(brand)
    contact = (brand.support_phone, brand.support_whatsapp, brand.support_email)
    await connection.execute(
        store.BRAND_PUT, caller.merchant_id, brand.name, brand.accent, *contact, caller.who
    )
    await connection.execute(store.LANGUAGE_PUT, caller.merchant_id, brand.language)
    changed = {name: after[name] for name in after if after[name] != before[name] and name != "logo_hash"}
    await _note(connection, caller, changed)


async def put_logo(connection: Connection, caller: Caller, picture: bytes | None) -> None:
    """Keep a logo as `draw_logo` gives it, or none; in a transaction."""
    logo_hash = hashlib.sha256(picture).hexdigest()[:32] if picture else None
    await connection.execute(store.LOGO_PUT, caller.merchant_id, picture, logo_hash, caller.who)
    await _note(connection, caller, {"logo_hash": logo_hash})


async def logo_of(connection: Connection, merchant_id: str, logo_hash: str) -> bytes:
    """Give a merchant's logo by its hash. Raises NotFound: also for one that was replaced."""
    picture: bytes | None = await connection.fetchval(store.LOGO, merchant_id, logo_hash)
    if picture is None:
        raise NotFound(id=logo_hash)
    return picture


async def _note(connection: Connection, caller: Caller, changed: dict[str, object]) -> None:
    await audit_log.write(
        connection,
        merchant_id=caller.merchant_id,
        who=caller.who,
        action="brand.changed",
        subject=caller.merchant_id,
        details=changed,
    )


def _international(written: str, country: str) -> str | None:
    """Read a number as E.164, of the merchant's country where it names none; None when it is no number."""
    if not written:
        return ""
    homes = [country] if not written.startswith(("+", "00")) else [country, *countries()]
    found = (read_msisdn(written, home) for home in homes)
    return next((msisdn.e164 for msisdn in found if msisdn), None)

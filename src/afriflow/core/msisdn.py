"""What a phone number is: E.164 inside, read from however people write it, masked wherever it is shown.

The only library that core leans on is phonenumbers, which is a table of numbering plans and no I/O
(docs/decisions/0003-phone-numbers-in-core.md).
"""

import re
from dataclasses import dataclass

import phonenumbers

# National numbers were lengthened; people still write, and phones still hold, the short form.
# Benin 30-11-2024: 8 digits take 01 in front. Côte d'Ivoire 31-01-2021: the old prefix says which operator.
_IVORY_COAST_OLD = {
    **dict.fromkeys(
        ("01", "02", "03", "40", "41", "42", "43", "50", "51", "52", "53", "70", "71", "72", "73"), "01"
    ),
    **dict.fromkeys(
        ("04", "05", "06", "44", "45", "46", "54", "55", "56", "64", "65", "66", "74", "75", "76"), "05"
    ),
    **dict.fromkeys(
        ("07", "08", "09", "47", "48", "49", "57", "58", "59", "67", "68", "69", "77", "78", "79"), "07"
    ),
}
_LETTERS = re.compile(r"[^\W\d_]", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Msisdn:
    """A subscriber's number.

    e164: with plus and country code, "+221771234567". country: ISO 3166-1 alpha-2.
    """

    e164: str
    country: str
    calling_code: str

    def __repr__(self) -> str:  # a number in a log or a traceback is a leak
        return f"Msisdn({self.masked})"

    @property
    def digits(self) -> str:
        """Country code and number without plus, as pawaPay and most operators want it."""
        return self.e164[1:]

    @property
    def national(self) -> str:
        """Without country code, as PayDunya's SoftPay wants it."""
        return self.e164[1 + len(self.calling_code) :]

    @property
    def masked(self) -> str:
        return mask(self.e164)


def mask(e164: str) -> str:
    """Show enough of a number to recognise one's own: "+22177•••4567"."""
    return f"{e164[:6]}•••{e164[-4:]}" if len(e164) > 9 else "•••"


def read_msisdn(text: str, country: str) -> Msisdn | None:
    """Read a phone number in any human form ("77 123 45 67", "00221 77…", "+221…"); None when it is none.

    country: the country of payment, ISO alpha-2; a number of another country gives None.
    """
    if len(text) > 32 or _LETTERS.search(text):
        return None
    calling_code = str(phonenumbers.country_code_for_region(country))
    if calling_code == "0":
        return None
    for candidate in (text, *_renumbered(text, country, calling_code)):
        try:
            number = phonenumbers.parse(candidate, country)
        except phonenumbers.NumberParseException:
            continue
        if number.extension or not phonenumbers.is_valid_number_for_region(number, country):
            continue
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if country == "GA" and len(e164) == 13 and e164[4] == "0":  # libphonenumber keeps Gabon's trunk 0
            e164 = e164[:4] + e164[5:]
        return Msisdn(e164, country, calling_code)
    return None


def read_sandbox_msisdn(text: str, country: str) -> Msisdn | None:
    """Read a number as `read_msisdn` does, but let a provider's magic test numbers pass, which are often not valid.

    Only for test mode (pawaPay's sandbox table holds numbers such as 22951345789, 258100000000).
    """
    calling_code = str(phonenumbers.country_code_for_region(country))
    digits = re.sub(r"[\s().+-]", "", text).removeprefix("00")
    if digits.isascii() and digits.isdigit() and digits.startswith(calling_code) and 10 <= len(digits) <= 15:
        magic = Msisdn(f"+{digits}", country, calling_code)
    else:
        magic = None
    return read_msisdn(text, country) or magic


def _renumbered(text: str, country: str, calling_code: str) -> list[str]:
    digits = re.sub(r"\D", "", text)
    for prefix in (f"00{calling_code}", calling_code):
        if digits.startswith(prefix) and len(digits) == len(prefix) + 8:
            digits = digits[len(prefix) :]
            break
    if len(digits) != 8:
        return []
    if country == "BJ":
        return [f"+{calling_code}01{digits}"]
    if country == "CI" and digits[:2] in _IVORY_COAST_OLD:
        return [f"+{calling_code}{_IVORY_COAST_OLD[digits[:2]]}{digits}"]
    return []

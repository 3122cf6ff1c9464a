"""Passwords are taken by length and by how hard they are to guess, and kept so that nobody can read them."""

import pytest

from afriflow.merchants.password import fault_of, hash_password, is_outdated, is_password

KNOWN = ("awa.diop@sandaga.test", "Boutique Sandaga")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "too_short"),
        ("kilimanjar1", "too_short"),
        ("x" * 257, "too_long"),
        ("passwordpassword", "guessable"),
        ("motdepasse1234", "guessable"),
        ("azertyuiop12", "guessable"),
        ("123456789012", "guessable"),
        ("aaaaaaaaaaaaaaaa", "guessable"),
        ("awa.diop@sandaga.test", "guessable"),
        ("sandagasandaga", "guessable"),
        ("afriflowdashboard", "guessable"),
        ("Paiement0r4nge", "guessable"),
        ("quatre baobabs sous la pluie", None),
        ("fjk2-qpd9-xw7z", None),
        ("dix éléphants à l'aube", None),
        ("m" + "éèàùç" * 50, None),
    ],
)
def test_a_password_is_refused_for_being_short_or_guessed_and_for_nothing_else(
    password: str, code: str | None
) -> None:
    fault = fault_of(password, KNOWN, 12)
    assert (fault.code if fault else None) == code


async def test_what_looks_the_same_is_the_same_on_every_keyboard() -> None:
    kept = await hash_password("dix éléphants à l'aube")
    assert kept.startswith("$argon2id$")
    assert await is_password(kept, "dix e\u0301le\u0301phants a\u0300 l'aube")
    assert not await is_password(kept, "dix elephants a l'aube")


async def test_nobody_has_a_password_and_is_compared_all_the_same() -> None:
    """The hash of nobody has the parameters of everybody's: that an address is unknown takes no other time."""
    from afriflow.merchants import password

    assert not await is_password(None, "whatever it is")
    assert not is_outdated(password._NOBODY)
    assert not is_outdated(await hash_password("whatever it is"))
    assert is_outdated("$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA")

"""What every cookie of ours has: nothing in the page reads it, no other site sends it along, no other host sets it."""

from litestar.datastructures import Cookie

from afriflow.settings import Settings


def cookie_name(settings: Settings, name: str) -> str:
    """Name it so that, under TLS, no other host and no plain HTTP can set it (RFC 6265bis §4.1.3.2)."""
    return f"__Host-{name}" if _tls(settings) else name


def make_cookie(settings: Settings, name: str, value: str, *, seconds: int) -> Cookie:
    """Make a cookie. seconds: how long the browser keeps it; 0 takes it away."""
    return Cookie(
        cookie_name(settings, name),
        value=value,
        path="/",
        max_age=seconds,
        httponly=True,
        samesite="lax",
        secure=_tls(settings),
    )


def _tls(settings: Settings) -> bool:
    return settings.base_url.startswith("https:")

"""How pawaPay is called: the token on every request, a signature on those that move money, and limits of time."""

from typing import cast

from afriflow.core.clock import Clock
from afriflow.port.http import ProviderHttp, Reply
from afriflow.port.provider import Account, Memory
from afriflow.providers.pawapay import signatures
from afriflow.providers.pawapay.config import PawaPayConfig

# pawaPay accepts or refuses at once and works afterwards; its engineers advise 5-10 s here and 3-5 s for a status.
INITIATE_TIMEOUT_SECONDS = 10
STATUS_TIMEOUT_SECONDS = 5

_CONTENT_TYPE = "application/json; charset=UTF-8"


class Caller:
    """One account at pawaPay. memory: what its adapters remember between uses."""

    def __init__(self, account: Account, http: ProviderHttp, clock: Clock, memory: Memory) -> None:
        self._account = account
        self._config = cast("PawaPayConfig", account.config)
        self._base_url = account.base_url.rstrip("/")
        self._http = http
        self._clock = clock
        self._memory = memory

    async def _initiate(self, operation: str, path: str, body: bytes) -> Reply:
        """Ask for money to move. Raises NothingSent, NoAnswer."""
        url = f"{self._base_url}{path}"
        headers = {**self._authorization(), "Content-Type": _CONTENT_TYPE}
        if key := self._config.signing_key:
            message = signatures.Signed("POST", url, {"content-type": _CONTENT_TYPE}, body)
            headers |= signatures.sign(
                message,
                key,
                self._config.key_id or "",
                self._clock.now(),
                ecdsa_encoding=self._config.ecdsa_encoding,
            )
        return await self._http.send(
            operation, "POST", url, headers=headers, body=body, timeout_seconds=INITIATE_TIMEOUT_SECONDS
        )

    async def _ask(self, operation: str, path: str, method: str = "GET", body: bytes = b"") -> Reply:
        """Ask for anything that moves no money. Raises NothingSent, NoAnswer."""
        headers = self._authorization()
        if body:
            headers["Content-Type"] = _CONTENT_TYPE
        return await self._http.send(
            operation,
            method,
            f"{self._base_url}{path}",
            headers=headers,
            body=body,
            timeout_seconds=STATUS_TIMEOUT_SECONDS,
        )

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._config.token.reveal()}"}

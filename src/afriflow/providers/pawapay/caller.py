"""How pawaPay is called: the token on every request, a signature on those that move money, limits of time, and
answers that are believed only as the account wants them proven.
"""

from typing import cast

from afriflow.core.clock import Clock
from afriflow.port.http import NoAnswer, ProviderHttp, Reply
from afriflow.port.provider import Account, Memory
from afriflow.providers.pawapay import signatures
from afriflow.providers.pawapay.config import PawaPayConfig
from afriflow.providers.pawapay.public_keys import PublicKeys

# pawaPay accepts or refuses at once and works afterwards; its engineers advise 5-10 s here and 3-5 s for a status.
INITIATE_TIMEOUT_SECONDS = 10
STATUS_TIMEOUT_SECONDS = 5

# With these pawaPay says something about an order. All others come from gateways too, which sign nothing, and decide
# nothing either way.
_SAYING = frozenset({200, 400, 401, 403})

_CONTENT_TYPE = "application/json; charset=UTF-8"


class NotProven(NoAnswer):
    """An answer came that is not signed as this account demands: whatever it says, it is none."""


class Caller:
    """One account at pawaPay. memory: what its adapters remember between uses."""

    def __init__(self, account: Account, http: ProviderHttp, clock: Clock, memory: Memory) -> None:
        self._account = account
        self._config = cast("PawaPayConfig", account.config)
        self._base_url = account.base_url.rstrip("/")
        self._http = http
        self._clock = clock
        self._memory = memory
        self._public_keys = PublicKeys(self._fetch_public_keys, clock, memory)

    async def _initiate(self, operation: str, path: str, body: bytes) -> Reply:
        """Ask for money to move. Raises NothingSent, NoAnswer, NotProven."""
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
                rsa_algorithm=self._config.rsa_algorithm,
            )
        reply = await self._http.send(
            operation, "POST", url, headers=headers, body=body, timeout_seconds=INITIATE_TIMEOUT_SECONDS
        )
        return await self._proven(reply)

    async def _ask(self, operation: str, path: str, method: str = "GET", body: bytes = b"") -> Reply:
        """Ask for anything that moves no money. Raises NothingSent, NoAnswer, NotProven."""
        headers = self._authorization()
        if body:
            headers["Content-Type"] = _CONTENT_TYPE
        reply = await self._http.send(
            operation,
            method,
            f"{self._base_url}{path}",
            headers=headers,
            body=body,
            timeout_seconds=STATUS_TIMEOUT_SECONDS,
        )
        return await self._proven(reply)

    async def _proven(self, reply: Reply) -> Reply:
        """Give an answer back that is proven as far as the account wants it. Raises NotProven.

        With "optional" an unsigned answer passes, one with a false signature does not.
        """
        wanted = self._config.signed_answers
        if wanted == "off" or reply.status not in _SAYING:
            return reply
        signed = signatures.is_signed(reply.headers)
        self._memory["answers_signed"] = signed
        if not signed and wanted == "optional":
            return reply
        if not signed:
            raise NotProven("the answer is not signed, and signed_answers is required")
        message = signatures.SignedAnswer(reply.status, reply.headers, reply.body)
        judgement = await self._public_keys.judge(message, self._clock.now())
        if judgement.valid or (judgement.key_in_doubt and wanted == "optional"):
            return reply
        raise NotProven(f"the answer's signature: {judgement.reason}")

    async def _fetch_public_keys(self) -> Reply:
        """Ask for the keys, whose own answer nothing could prove but TLS."""
        return await self._http.send(
            "public_keys",
            "GET",
            f"{self._base_url}/v2/public-key/http",
            headers=self._authorization(),
            timeout_seconds=STATUS_TIMEOUT_SECONDS,
        )

    def _authorization(self) -> dict[str, str]:
        asked = {} if self._config.signed_answers == "off" else signatures.ACCEPT_SIGNED
        return {"Authorization": f"Bearer {self._config.token.reveal()}", **asked}

"""Whom the stories are told of: the provider's simulator, brought up for it, or its real sandbox."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from afriflow.conformance.credentials import account_in, missing_in
from afriflow.conformance.stories import Stories
from afriflow.core.clock import SystemClock
from afriflow.core.errors import AfriFlowError
from afriflow.core.transaction import Mode
from afriflow.port.examine import Finding
from afriflow.port.factory import fill_config
from afriflow.port.provider import Account, Spec
from afriflow.port.reach import ANYWHERE, open_session
from afriflow.settings import Settings
from afriflow.simulator.seat import simulated_providers
from afriflow.simulator.serve import standing_alone


class NotReady(Exception):
    """Something is missing that the stories need. finding: what, in words."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


async def run(settings: Settings, spec: Spec, environ: Mapping[str, str] | None) -> list[Finding]:
    """Tell the stories. environ: where the account of the real sandbox stands; None = of the simulator.

    Raises NotReady.
    """
    if environ is not None:
        return await _told_of(settings, spec, _sandbox(settings, spec, environ))
    if spec.name not in simulated_providers():
        raise NotReady(Finding("no_simulator", good=False, facts={"provider": spec.title}))
    async with standing_alone(spec.name, spec.demo_config) as url:
        account = Account(
            id="simulator",
            merchant_id="",
            provider=spec.name,
            mode=Mode.TEST,
            base_url=url + urlsplit(spec.base_urls[Mode.TEST]).path,
            callback_url=f"{settings.base_url}/api/webhooks/{spec.name}",
            config=fill_config(spec, "simulator", spec.demo_config),
        )
        return await _told_of(settings, spec, account)


async def _told_of(settings: Settings, spec: Spec, account: Account) -> list[Finding]:
    async with open_session(connections_max=4, reach=ANYWHERE) as session:
        stories = Stories(spec, account, session, SystemClock(), settings.provider_timeout_seconds)
        where = {"account": account.id, "mode": account.mode.value, "url": account.base_url}
        return [Finding("account", good=True, facts=where), *await stories.findings()]


def _sandbox(settings: Settings, spec: Spec, environ: Mapping[str, str]) -> Account:
    if missing := missing_in(environ, spec):
        facts = {
            "provider": spec.title,
            "missing": ", ".join(missing),
            "documentation": spec.documentation_url or spec.name,
        }
        raise NotReady(Finding("sandbox_credentials_missing", good=False, facts=facts))
    try:
        account = account_in(environ, spec, settings.base_url)
    except AfriFlowError as error:
        facts = {"account": spec.name, "reason": error}
        raise NotReady(Finding("account_unreadable", good=False, facts=facts)) from error
    if account.mode is not Mode.TEST:
        raise NotReady(Finding("sandbox_only", good=False, facts={"mode": account.mode.value}))
    return account

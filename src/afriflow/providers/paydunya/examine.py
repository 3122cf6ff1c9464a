"""What can be known of a PayDunya account without a payment: whether its keys are of its mode, and what it holds.

PayDunya tells nothing else: no document names a call for limits, channels or the callback address.
"""

from collections.abc import Iterable

from afriflow.core.transaction import Mode
from afriflow.port.balances import Balance
from afriflow.port.examine import Finding
from afriflow.port.provider import Account
from afriflow.providers.paydunya.account import PRIVATE_KEY_PREFIXES, PayDunyaConfig


def findings_of(account: Account, balances: Iterable[Balance] | None) -> list[Finding]:
    """Judge the account. balances: None when PayDunya did not say, as it does where payouts are not enabled."""
    config: PayDunyaConfig = account.config
    other = Mode.LIVE if account.mode is Mode.TEST else Mode.TEST
    if config.private_key.reveal().startswith(PRIVATE_KEY_PREFIXES[other]):
        return [Finding("keys_of_other_mode", good=False, facts={"mode": account.mode.value})]
    if balances is None:
        return [Finding("balances_unknown", good=True)]
    shown = ", ".join(f"{item.country} {item.amount:f} {item.currency}" for item in balances)
    return [Finding("balances", good=True, facts={"balances": shown or "-"})]

"""What pawaPay's configuration of an account says about ours: signatures, callback addresses, who may be charged.

docs.pawapay.io/v2/api-reference/toolkit/active-configuration; the switches are set by people in pawaPay's dashboard.
"""

from afriflow.port.examine import Finding
from afriflow.providers.pawapay.bounds import Bounded
from afriflow.providers.pawapay.toolkit import Configuration, Limits
from afriflow.providers.pawapay.wire import Kind

_OPEN = "OPERATIONAL"
_OF_BENIN = frozenset({"mtn_bj", "moov_bj"})
# Of MTN, in the ten digits of since 2024; nobody is called.
_NUMBER_OF_BENIN = "2290197000000"


class Examiner(Bounded):
    """`Examines` (port/examine.py)."""

    async def examine(self) -> list[Finding]:
        configuration = await self.configuration()
        if configuration is None:
            return [Finding("configuration_unknown", good=False)]
        return [
            *self._signatures(configuration),
            *await self._public_keys_there(configuration),
            *await self._numbers(configuration),
            *self._addresses(configuration),
            *_limits(configuration.limits),
        ]

    def _signatures(self, configuration: Configuration) -> list[Finding]:
        findings: list[Finding] = []
        match configuration.signed_callbacks, self._config.callbacks_must_be_signed:
            case True, True:
                findings.append(Finding("callbacks_signed", good=True))
            case True, False:
                findings.append(
                    Finding("callbacks_signed_unforced", good=True, facts={"setting": "signed_callbacks"})
                )
            case False, True:
                findings.append(
                    Finding("callbacks_not_signed", good=False, facts={"setting": "signed_callbacks"})
                )
            case _:
                findings.append(Finding("callbacks_unsigned", good=True))
        if configuration.signed_requests_only and self._config.signing_key is None:
            findings.append(Finding("requests_not_signed", good=False, facts={"setting": "private_key_pem"}))
        if self._config.signed_answers != "off":
            signed = self._memory.get("answers_signed") is True
            facts = {"setting": "signed_answers"}
            findings.append(
                Finding("answers_signed" if signed else "answers_not_signed", good=signed, facts=facts)
            )
        return findings

    async def _public_keys_there(self, configuration: Configuration) -> list[Finding]:
        """See whether signatures could be verified; where nothing is signed, nobody needs the keys."""
        if not configuration.signed_callbacks and self._config.signed_answers == "off":
            return []
        count = await self._public_keys.count()
        return [
            Finding(
                "public_keys" if count else "public_keys_unknown", good=bool(count), facts={"count": count}
            )
        ]

    async def _numbers(self, configuration: Configuration) -> list[Finding]:
        """Compare how pawaPay writes a number of Benin with how we send it; which one it wants is not documented."""
        if not {limits.operator for limits in configuration.limits} & _OF_BENIN:
            return []
        told = await self.predicted(_NUMBER_OF_BENIN)
        if told is None:
            return []
        is_short = len(told.digits) < len(_NUMBER_OF_BENIN)
        if is_short == self._config.sends_short_numbers_of_benin:
            return []
        wanted = "yes" if is_short else "no"
        facts = {"digits": told.digits, "setting": "benin_short_numbers", "wanted": wanted}
        return [Finding("numbers_written_otherwise", good=False, facts=facts)]

    def _addresses(self, configuration: Configuration) -> list[Finding]:
        """Compare where pawaPay tells what became of an operation with where we listen; a slash is a difference."""
        ours = self._account.callback_url
        noted = {limits.callback_url for limits in configuration.limits if limits.callback_url}
        return [
            Finding("callback_elsewhere", good=False, facts={"found": url, "wanted": ours})
            for url in sorted(noted - {ours})
        ]


def _limits(limits: tuple[Limits, ...]) -> list[Finding]:
    charged = {limit.operator for limit in limits if limit.operator and limit.kind is Kind.DEPOSIT}
    paid = {limit.operator for limit in limits if limit.operator and limit.kind is Kind.PAYOUT}
    facts = {"charged": len(charged), "paid": len(paid)}
    findings = [Finding("operators" if charged else "operators_none", good=bool(charged), facts=facts)]
    closed = sorted(
        {limit.operator for limit in limits if limit.operator and limit.status not in {_OPEN, ""}}
    )
    if closed:
        findings.append(Finding("operators_closed", good=True, facts={"operators": ", ".join(closed)}))
    return findings

"""From a provider account to a ready adapter: providers are found by folder or entry point, never by a list."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, get_type_hints

import aiohttp

from afriflow.core.clock import Clock
from afriflow.core.errors import BadAccount
from afriflow.port.http import ProviderHttp
from afriflow.port.provider import Account, Memory, PaymentProvider, Secret, Spec


@cache
def specs() -> dict[str, Spec]:
    """Find every provider: each folder of `afriflow.providers`, each installed entry point `afriflow.providers`."""
    found: dict[str, Spec] = {}
    home = importlib.import_module("afriflow.providers")
    for module in pkgutil.iter_modules(home.__path__, "afriflow.providers."):
        spec: Spec = importlib.import_module(module.name).SPEC
        found[spec.name] = spec
    for entry_point in entry_points(group="afriflow.providers"):
        spec = entry_point.load()
        found[spec.name] = spec
    return dict(sorted(found.items()))


def fill_config(spec: Spec, account_id: str, values: Mapping[str, Any]) -> Any:
    """Make a provider's config from plain values; fields typed `Secret` are wrapped.

    Raises BadAccount when a field is missing, unknown or of the wrong type.
    """
    fields = {field.name: field for field in dataclasses.fields(spec.config_type)}
    hints = get_type_hints(spec.config_type)
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise BadAccount(account_id=account_id, reason=f"unknown: {', '.join(unknown)}")
    filled: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in values:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise BadAccount(account_id=account_id, reason=f"missing: {name}")
            continue
        value = values[name]
        wants_secret = hints[name] is Secret or Secret in getattr(hints[name], "__args__", ())
        filled[name] = Secret(value) if wants_secret and isinstance(value, str) else value
    return spec.config_type(**filled)


def secret_fields(spec: Spec) -> frozenset[str]:
    """Name the config fields that the vault seals."""
    hints = get_type_hints(spec.config_type)
    return frozenset(
        name for name, hint in hints.items() if hint is Secret or Secret in getattr(hint, "__args__", ())
    )


@dataclasses.dataclass(frozen=True, slots=True)
class OpenProvider:
    """An adapter for one use, with the client that keeps what was said."""

    spec: Spec
    account: Account
    adapter: PaymentProvider
    http: ProviderHttp


class PaymentFactory:
    """Makes adapters. timeout_seconds: for one call to a provider, where the adapter does not ask for longer."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, *, timeout_seconds: float) -> None:
        self._session = session
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._memories: dict[str, Memory] = {}

    def open(self, account: Account) -> OpenProvider:
        """Give an adapter for this account. Raises KeyError for a provider that is not installed."""
        spec = specs()[account.provider]
        http = ProviderHttp(self._session, self._clock, timeout_seconds=self._timeout_seconds)
        memory = self._memories.setdefault(account.id, {})
        return OpenProvider(spec, account, spec.adapter(account, http, self._clock, memory), http)

"""From a provider account to a ready adapter: providers are found by folder or entry point, never by a list."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, get_args, get_type_hints

import msgspec

from afriflow.core.clock import Clock
from afriflow.core.errors import BadAccount
from afriflow.port.http import ProviderHttp
from afriflow.port.provider import Account, Memory, PaymentProvider, Secret, Spec
from afriflow.port.reach import Lines


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
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(spec.config_type)})
    if unknown:
        raise BadAccount(account_id=account_id, reason=f"unknown: {', '.join(unknown)}")
    try:
        return msgspec.convert(values, spec.config_type, dec_hook=_wrap)
    except (msgspec.ValidationError, ValueError) as error:  # ValueError: what the config itself checks
        raise BadAccount(account_id=account_id, reason=str(error)) from error


@cache
def secret_fields(config_type: type[Any]) -> frozenset[str]:
    """Name the config fields that the vault seals."""
    hints = get_type_hints(config_type)
    return frozenset(name for name, hint in hints.items() if hint is Secret or Secret in get_args(hint))


def _wrap(kind: type[Any], value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"expected {kind.__name__}")


@dataclasses.dataclass(frozen=True, slots=True)
class OpenProvider:
    """An adapter for one use, with the client that keeps what was said."""

    spec: Spec
    account: Account
    adapter: PaymentProvider
    http: ProviderHttp


class PaymentFactory:
    """Makes adapters. timeout_seconds: for one call to a provider, where the adapter does not ask for longer."""

    def __init__(self, lines: Lines, clock: Clock, *, timeout_seconds: float) -> None:
        self._lines = lines
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._memories: dict[str, Memory] = {}

    def open(self, account: Account) -> OpenProvider:
        """Give an adapter for this account. Raises KeyError for a provider that is not installed."""
        spec = specs()[account.provider]
        lines = self._lines.of(account.mode)
        http = ProviderHttp(lines, self._clock, provider=spec.name, timeout_seconds=self._timeout_seconds)
        memory = self._memories.setdefault(account.id, {})
        return OpenProvider(spec, account, spec.adapter(account, http, self._clock, memory), http)

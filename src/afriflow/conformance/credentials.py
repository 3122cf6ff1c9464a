"""An account from the environment, for people who have credentials and no database yet.

A field of the provider's config is read from `AFRIFLOW_LIVE_<PROVIDER>_<FIELD>`; beside them `_MODE` ("test", the
sandbox, when absent) and `_BASE_URL` (the provider's own for that mode).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

import msgspec

from afriflow.core.transaction import Mode
from afriflow.port.factory import fill_config
from afriflow.port.provider import Account, Spec


def variables_of(spec: Spec) -> dict[str, bool]:
    """Name the variables of a provider's config, each with whether an account needs it."""
    return {
        _variable(spec, field.name): field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        for field in dataclasses.fields(spec.config_type)
    }


def missing_in(environ: Mapping[str, str], spec: Spec) -> list[str]:
    """Name the variables that an account needs and that are not set."""
    return [name for name, needed in variables_of(spec).items() if needed and not environ.get(name)]


def account_in(environ: Mapping[str, str], spec: Spec, base_url: str) -> Account:
    """Make the account. base_url: ours, where its notifications would arrive.

    Raises BadAccount when the config does not fit, ValueError for a mode that is none.
    """
    hints = get_type_hints(spec.config_type)
    values = {
        field.name: _read(text, hints[field.name])
        for field in dataclasses.fields(spec.config_type)
        if (text := environ.get(_variable(spec, field.name)))
    }
    mode = Mode(environ.get(_variable(spec, "mode")) or Mode.TEST)
    account_id = f"{spec.name}_environment"
    return Account(
        id=account_id,
        merchant_id="",
        provider=spec.name,
        mode=mode,
        base_url=(environ.get(_variable(spec, "base_url")) or spec.base_urls[mode]).rstrip("/"),
        callback_url=f"{base_url}/api/webhooks/{spec.name}",
        config=fill_config(spec, account_id, values),
    )


def _variable(spec: Spec, name: str) -> str:
    return f"AFRIFLOW_LIVE_{spec.name}_{name}".upper()


def _read(text: str, hint: Any) -> Any:
    """Read a number or a yes from text; whatever may be text stays it."""
    return msgspec.convert(text, hint, strict=False) if hint in {int, bool} else text

"""How commands speak: the person's language, errors as one line, findings as a list."""

import functools
import locale
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec

from afriflow.core.errors import AfriFlowError, InvalidRequest
from afriflow.core.language import LANGUAGES, say
from afriflow.port.examine import Finding
from afriflow.settings import Settings

Command = Callable[..., Coroutine[Any, Any, None]]


def language() -> str:
    """Read the person's language as the shell says it, English where it says nothing of ours."""
    for variable in ("AFRIFLOW_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        text = os.environ.get(variable, "")
        if text:
            return text[:2] if text[:2] in LANGUAGES else "en"
    return (locale.getlocale()[0] or "en")[:2]


def t(key: str, **facts: object) -> str:
    """Say a sentence of the commands in the person's language."""
    return say(f"cli.{key}", language(), **facts)


def asynchronous(command: Command) -> Callable[..., None]:
    """Run a command in an event loop, and say what went wrong in one line."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        import uvloop  # noqa: PLC0415 — not on every system; asyncio's own loop does elsewhere

        from afriflow.local.errors import LocalServersError  # noqa: PLC0415

        try:
            uvloop.run(command(*arguments, **options))
        except KeyboardInterrupt:
            sys.exit(130)
        except LocalServersError as error:
            raise click.ClickException(error.message(language())) from error
        except AfriFlowError as error:
            sentence = say(f"error.{error.code}", language(), **error.facts)
            if isinstance(error, InvalidRequest):
                faults = [say(f"field.{fault.code}", language(), **fault.facts) for fault in error.errors]
                sentence = "\n  ".join([sentence, *faults])
            raise click.ClickException(sentence) from error
        except (ValueError, OSError) as error:
            raise click.ClickException(str(error)) from error

    return run


def said(findings: Sequence[Finding]) -> bool:
    """Say what was found, and tell whether all of it is good."""
    for finding in findings:
        sign = ("✓" if finding.good else "✗") if finding.looked_at else "–"
        click.echo(f"{sign} {say(f'doctor.{finding.code}', language(), **finding.facts)}")
    return all(finding.good for finding in findings)


def settings_at_hand() -> Settings:
    """Read the settings; where they name no database, those of the AfriFlow that `afriflow start` runs in the home."""
    settings = Settings.from_environment()
    ready = Path(settings.home) / "ready.json"
    if settings.database_url or not ready.exists():
        return settings
    facts = msgspec.json.decode(ready.read_bytes(), type=dict[str, Any])
    return replace(
        settings, public_url=facts["url"], database_url=facts["database_url"], redis_url=facts["redis_url"]
    )


def database_settings() -> Settings:
    """Read the settings of a command that needs a database that is there already."""
    settings = settings_at_hand()
    if not settings.database_url:
        raise click.ClickException(t("database_url_missing"))
    return settings

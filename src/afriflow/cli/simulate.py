"""The command that plays a provider, for people who use nothing else of ours."""

from urllib.parse import urlsplit

import click

from afriflow.cli.words import asynchronous, language, t
from afriflow.core.language import keys, say
from afriflow.core.transaction import Mode
from afriflow.port.factory import specs
from afriflow.port.provider import Spec
from afriflow.simulator.faults import Knobs
from afriflow.simulator.seat import endings_of


def _faults() -> str:
    """List what can go wrong; \\b has click keep the lines of the list."""
    late = ", ".join(name for name in Knobs.__struct_fields__ if name.endswith("_seconds"))
    explained = [name for name in Knobs.__struct_fields__ if f"fault.{name}" in keys("en")]
    lines = [f"  {name:<26}{say(f'fault.{name}', language())}" for name in explained]
    return "\n\n\b\n".join((t("simulate_faults", seconds=late), "\n".join(lines)))


def _numbers(spec: Spec) -> str:
    """Name the numbers that act by themselves, where the provider documents any."""
    known = [
        t("simulated_pays" if payer.pays else "simulated_declines", digits=payer.digits)
        for payer in spec.sandbox_payers
    ]
    known += [
        f"…{digits} {say(f'ending.{word}', language())}" for digits, word in endings_of(spec.name).items()
    ]
    return f"\n{' ' * 21}".join((*known, t("simulated_asks")))


@click.command(help=t("simulate"), epilog=_faults())
@click.argument("provider")
@click.option("--port", default=0, help=t("simulate_port"))
@click.option("--callback-url", default=None, help=t("simulate_callback_url"))
@asynchronous
async def simulate(provider: str, port: int, callback_url: str | None) -> None:
    from afriflow.simulator.seat import simulated_providers  # noqa: PLC0415
    from afriflow.simulator.serve import PHONE_PATH, standing_alone, until_stopped  # noqa: PLC0415

    if provider not in simulated_providers():
        raise click.ClickException(t("not_simulated", known=", ".join(simulated_providers())))
    spec = specs()[provider]
    try:
        async with standing_alone(provider, spec.demo_config, port=port, callback_url=callback_url) as url:
            click.echo(
                t(
                    "simulated",
                    title=spec.title,
                    url=url,
                    base_url=url + urlsplit(spec.base_urls[Mode.TEST]).path,
                    credentials="\n                     ".join(
                        f"{k} = {v}" for k, v in spec.demo_config.items()
                    ),
                    callback_url=callback_url or t("simulated_nowhere"),
                    phone_url=f"{url}{PHONE_PATH}",
                    numbers=_numbers(spec),
                )
            )
            await until_stopped()
    except OSError as error:
        raise click.ClickException(t("simulate_not_possible", port=port, reason=error)) from error

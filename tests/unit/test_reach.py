"""Nobody who names a host leads us into our own network: not by an odd address, a name that changes, or a redirect."""

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from afriflow.core.clock import SystemClock
from afriflow.core.transaction import Mode
from afriflow.delivery.target import ForbiddenTarget, Targets
from afriflow.port.http import NothingSent, ProviderHttp
from afriflow.port.reach import PUBLIC, ForbiddenAddress, Reach, ReachResolver, open_session

# The one address that these tests call public; 127.0.0.1 stays what it is.
PUBLIC_HERE = "127.0.0.2"
REACH = Reach([ipaddress.ip_network(f"{PUBLIC_HERE}/32")])
TARGETS = Targets((443, 8443), private_in_test=False)

PRIVATE_V4 = (
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254"),  # noqa: S104
    *("192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1"),
    *("198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255"),
)
PRIVATE_V6 = (
    *("::1", "::", "fe80::1", "fe80::1%251", "fec0::1", "fc00::1", "fd12:3456:789a::1", "ff02::1", "ff0e::1"),
    *(
        "2001:db8::1",
        "2001::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "3fff::1",
        "5f00::1",
        "100::1",
        "64:ff9b:1::1",
    ),
    *("::ffff:0:127.0.0.1", "4000::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:ffff:7f00:0001"),
)
# Names that some program somewhere takes for this machine or this network.
PRIVATE_NAMES = (
    *("localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "intranet", "router"),
    *("ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ", "loc%61lhost", "127.0.0.1.", "127。0。0。1", "①②⑦.⓪.⓪.①"),
)


def writings(address: str) -> list[str]:
    """Write an IPv4 address in every way that some resolver understands."""
    a, b, c, d = (int(part) for part in address.split("."))
    whole = int(ipaddress.IPv4Address(address))
    mapped = f"{a:x}{b:02x}:{c:x}{d:02x}"
    return [
        address,
        f"{address}.",
        str(whole),
        hex(whole),
        f"0{whole:o}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"0x{a:x}.{b}.0{c:o}.{d}",
        f"{a}.{b}.{c * 256 + d}",
        f"{a}.{b * 65536 + c * 256 + d}",
        f"00{a}.{b}.{c}.{d}",
        "".join(chr(0xFF10 + int(char)) if char.isdigit() else char for char in address),
        f"[::ffff:{address}]",
        f"[::ffff:{mapped}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
        f"[2002:{mapped}::1]",
    ]


HOSTS = (
    *dict.fromkeys(text for address in PRIVATE_V4 for text in writings(address)),
    *(f"[{address}]" for address in PRIVATE_V6),
    *PRIVATE_NAMES,
    *(
        f"{who}@{host}"
        for who in ("shop.example", "a:b", "shop.example%20")
        for host in ("127.0.0.1", "[::1]")
    ),
    *(
        "shop.example\\@127.0.0.1",
        "shop.example#@127.0.0.1",
        "127.0.0.1#@shop.example",
        "127.1",
        "0",
        "0x7f.1",
    ),
)


@dataclass
class Answers(AbstractResolver):
    """A name server that says what it is told to, another thing each time it is asked."""

    told: list[list[str]] = field(default_factory=list)
    asked: int = 0

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> list[Any]:
        addresses = self.told[self.asked % len(self.told)]
        self.asked += 1
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "proto": 0,
                "flags": 0,
                "family": socket.AF_INET,
            }
            for address in addresses
        ]

    async def close(self) -> None: ...


class Local(aiohttp.ThreadedResolver):
    """This machine's own resolver, for what it answers without asking anybody."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> list[Any]:
        if "example" in host or "intranet" in host or "router" in host:
            raise socket.gaierror("nobody is asked")
        return await super().resolve(host, port, family)


@dataclass
class Ear:
    """Somebody who listens at an address and writes down who came."""

    address: str
    port: int = 0
    hits: int = 0
    heard: list[bytes] = field(default_factory=list)
    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"

    async def open(self, stack: AsyncExitStack, port: int = 0, **how: Any) -> "Ear":
        server = await asyncio.start_server(self._hear, self.address, port, **how)
        self.port = server.sockets[0].getsockname()[1]
        await stack.enter_async_context(server)
        return self

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits += 1
        try:
            self.heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def opened(stack: AsyncExitStack, reach: Reach, names: AbstractResolver) -> aiohttp.ClientSession:
    return await stack.enter_async_context(open_session(connections_max=4, reach=reach, names=names))


def test_there_are_enough_vectors() -> None:
    assert len(HOSTS) >= 300


async def test_no_written_address_leads_into_our_network(stack: AsyncExitStack) -> None:
    ears = [await Ear("127.0.0.1").open(stack)]
    port = ears[0].port
    ears += [await Ear("::1").open(stack, port)] if socket.has_ipv6 and _has_v6_loopback() else []
    session = await opened(stack, PUBLIC, Local())
    for host in HOSTS:
        for scheme in ("http", "https"):
            with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL, ValueError)):
                await session.get(f"{scheme}://{host}:{port}/", timeout=aiohttp.ClientTimeout(total=10))
    assert [ear.hits for ear in ears] == [0] * len(ears)


@pytest.mark.parametrize("port", ["", ":443", ":8443"])
@pytest.mark.parametrize("mode", Mode)
def test_no_written_address_is_kept_as_a_merchants_endpoint(mode: Mode, port: str) -> None:
    for host in HOSTS:
        if host.startswith("shop.example#"):  # what is behind # is no host any more
            continue
        with pytest.raises(ForbiddenTarget):
            TARGETS.judge(f"https://{host}{port}/hooks", mode)


@pytest.mark.parametrize(
    "url",
    [
        *("http://shop.example/", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example:443/"),
        *("https://shop.example:22/", "https://shop.example:80/", "https://shop.example:5432/", "https:///x"),
        *("https://shop.example:0/", "https://shop.example:99999/", "//shop.example/", "shop.example", ""),
        *("https://user@shop.example/", "https://:secret@shop.example/", "https://[::1/", "https://shop/"),
    ],
)
def test_only_https_to_a_servers_port_without_a_password_is_an_endpoint(url: str) -> None:
    with pytest.raises(ForbiddenTarget):
        TARGETS.judge(url, Mode.TEST)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://shop.example/hooks?a=b",
            "https://shop.example:8443/",
            "https://boutique.sn",
            "https://8.8.8.8/",
        ),
        *(
            "https://[2001:4860:4860::8888]/",
            "https://bücher.example/",
            "https://shop.example./",
            "https://1.fm/",
        ),
    ],
)
def test_a_public_server_is_an_endpoint(url: str) -> None:
    for mode in Mode:
        assert TARGETS.judge(url, mode).scheme == "https"


def test_test_mode_may_be_told_to_go_anywhere_and_live_mode_never() -> None:
    targets = Targets((443,), private_in_test=True)
    assert str(targets.judge("http://127.0.0.1:4242/x", Mode.TEST)) == "http://127.0.0.1:4242/x"
    with pytest.raises(ForbiddenTarget):
        targets.judge("http://127.0.0.1:4242/x", Mode.LIVE)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "41.82.0.1", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_in_reach(address: str) -> None:
    assert PUBLIC.allows(address)


def test_a_private_network_is_in_reach_where_it_was_named_and_nothing_beside_it() -> None:
    reach = Reach([ipaddress.ip_network("10.8.0.0/16"), ipaddress.ip_network("fd00:1::/32")])
    assert reach.allows("10.8.3.4")
    assert reach.allows("fd00:1::9")
    assert not reach.allows("10.9.0.1")
    assert not reach.allows("127.0.0.1")
    assert not reach.allows("no address")


@pytest.mark.parametrize(
    "told",
    [
        [[PUBLIC_HERE], ["127.0.0.1"]],
        [[PUBLIC_HERE, "127.0.0.1"]],
        [["127.0.0.1", PUBLIC_HERE]],
        [[PUBLIC_HERE], [PUBLIC_HERE, "127.0.0.1"], ["127.0.0.1"]],
    ],
)
async def test_a_name_that_changes_its_mind_leads_nowhere_else(
    stack: AsyncExitStack, told: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = await Ear("127.0.0.1").open(stack)
    theirs = await Ear(PUBLIC_HERE).open(stack, ours.port)
    names = Answers(told)
    session = await opened(stack, REACH, names)
    monkeypatch.setattr(session.connector, "_use_dns_cache", False)
    through = 0
    for _ in range(60):
        try:
            async with session.post(f"http://rebind.example:{ours.port}/", data=b"x") as response:
                through += response.status == 200
        except aiohttp.ClientConnectorError as error:
            assert isinstance(error.__cause__, ForbiddenAddress)  # noqa: PT017 — most of them raise
    assert ours.hits == 0
    assert theirs.hits == through == sum(turn == [PUBLIC_HERE] for turn in told) * 60 // len(told)


async def test_each_of_the_two_judges_suffices_alone(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = await Ear("127.0.0.1").open(stack)
    session = await opened(stack, REACH, Answers([["127.0.0.1"]]))
    url = f"http://rebind.example:{ours.port}/"

    async def blind(self: ReachResolver, host: str, port: int = 0, family: Any = None) -> Any:
        return await self._names.resolve(host, port, family)

    with monkeypatch.context() as patched:
        patched.setattr(ReachResolver, "resolve", blind)
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)
    session = await opened(stack, REACH, Answers([["127.0.0.1"]]))
    session.connector._socket_factory = None  # type: ignore[union-attr]
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(url)
    assert ours.hits == 0


async def test_the_name_stays_in_host_and_sni_while_the_address_is_the_one_that_was_judged(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    certificate = _certificate(tmp_path, "shop.example")
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)
    names_seen: list[str | None] = []
    serving.sni_callback = lambda _, name, __: names_seen.append(name)
    shop = await Ear(PUBLIC_HERE).open(stack, ssl=serving)
    trusting = ssl.create_default_context(cafile=certificate)
    session = await opened(stack, REACH, Answers([[PUBLIC_HERE]]))
    async with session.get(f"https://shop.example:{shop.port}/", ssl=trusting) as response:
        assert response.status == 200
    assert names_seen == ["shop.example"]
    assert f"Host: shop.example:{shop.port}".encode() in shop.heard[0]
    http = ProviderHttp(session, SystemClock(), timeout_seconds=5)
    with pytest.raises(NothingSent):  # nobody vouches for that certificate
        await http.send("initiate", "POST", f"https://shop.example:{shop.port}/", body=b"{}")
    with pytest.raises(aiohttp.ClientConnectorError):  # it is another's
        await session.get(f"https://other.example:{shop.port}/", ssl=trusting)
    assert len(shop.heard) == 1


async def test_a_redirect_leads_nowhere(stack: AsyncExitStack) -> None:
    ours = await Ear("127.0.0.1").open(stack)
    shop = await Ear(PUBLIC_HERE).open(stack)
    session = await opened(stack, REACH, Answers([[PUBLIC_HERE]]))
    http = ProviderHttp(session, SystemClock(), timeout_seconds=5)
    for status in (301, 302, 303, 307, 308):
        location = f"http://127.0.0.1:{ours.port}/"
        shop.answer = f"HTTP/1.1 {status} Go\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
        reply = await http.send("verify", "POST", f"http://shop.example:{shop.port}/", body=b"{}")
        assert reply.status == status
    assert (shop.hits, ours.hits) == (5, 0)


async def test_no_proxy_is_taken_from_the_environment(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await Ear("127.0.0.1").open(stack)
    shop = await Ear(PUBLIC_HERE).open(stack)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    session = await opened(stack, REACH, Answers([[PUBLIC_HERE]]))
    async with session.get(f"http://shop.example:{shop.port}/") as response:
        assert response.status == 200
    assert (shop.hits, proxy.hits) == (1, 0)


def _has_v6_loopback() -> bool:
    with socket.socket(socket.AF_INET6) as tried:
        try:
            tried.bind(("::1", 0))
        except OSError:
            return False
    return True


def _certificate(home: Path, name: str) -> str:
    """Make a certificate and its key that only its owner vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = home / "certificate.pem"
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)

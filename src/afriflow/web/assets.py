"""What pages load beside their HTML: the files of `static/`, each under a name that changes with its content."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from afriflow.core.errors import NotFound

# The framework adds the charset of text/.
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml; charset=utf-8",
}
# The name holds the content's hash: what was loaded once never changes.
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent. url: with the hash in the name."""

    url: str
    content: bytes
    gzipped: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Read all of `static/`, by plain file name."""
    return {
        entry.name: _asset(entry.name, entry.read_bytes())
        for entry in files("afriflow.web").joinpath("static").iterdir()
        if PurePath(entry.name).suffix in _TYPES
    }


def asset_url(name: str) -> str:
    """Give the address that a template names a file by."""
    return assets()[name].url


@get("/static/{name:str}", include_in_schema=False, public="what pages load, the same for everybody")
async def give_asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Send a file. Raises NotFound."""
    asset = _by_url().get(f"/static/{name}")
    if asset is None:
        raise NotFound(id=name)
    headers = {"cache-control": FOR_EVER, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            asset.gzipped, media_type=asset.media_type, headers={**headers, "content-encoding": "gzip"}
        )
    return Response(asset.content, media_type=asset.media_type, headers=headers)


@cache
def _by_url() -> dict[str, Asset]:
    return {asset.url: asset for asset in assets().values()}


def _asset(name: str, content: bytes) -> Asset:
    path = PurePath(name)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(
        f"/static/{path.stem}.{digest}{path.suffix}",
        content,
        gzip.compress(content, mtime=0),
        _TYPES[path.suffix],
    )

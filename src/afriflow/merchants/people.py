"""Everything that people at the dashboard meet, put together: the door, their own account, the team."""

from dataclasses import dataclass

from afriflow.core.clock import Clock
from afriflow.core.ids import Ids
from afriflow.db.engine import Database
from afriflow.merchants.door import Door
from afriflow.merchants.own_account import OwnAccount
from afriflow.merchants.sessions import SessionLimits, Sessions
from afriflow.merchants.team import Team
from afriflow.merchants.vault import Vault
from afriflow.settings import Settings


@dataclass(frozen=True, slots=True)
class People:
    """What the assembly holds of it."""

    door: Door
    own_account: OwnAccount
    team: Team


def put_people(database: Database, vault: Vault, ids: Ids, clock: Clock, settings: Settings) -> People:
    """Make them with their limits."""
    sessions = Sessions(vault, ids, SessionLimits.of(settings))
    door = Door(database, vault, clock, sessions)
    characters_min = settings.password_characters_min
    return People(
        door=door,
        own_account=OwnAccount(database, vault, clock, sessions, door, characters_min),
        team=Team(
            database,
            vault,
            ids,
            settings.base_url,
            link_seconds=settings.person_link_seconds,
            password_characters_min=characters_min,
        ),
    )

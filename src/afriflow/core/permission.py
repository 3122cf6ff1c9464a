"""Who may do what: the permissions that routes ask for, and the sets of them that people's roles and API keys bring."""

from collections.abc import Iterable
from enum import StrEnum

from afriflow.core.errors import FieldError, InvalidRequest


class Permission(StrEnum):
    """One kind of act on one kind of thing. A route names the one that it needs."""

    TRANSACTIONS_READ = "transactions:read"
    TRANSACTIONS_WRITE = "transactions:write"  # take payments, ask for them, cancel them
    TRANSACTIONS_RESOLVE = "transactions:resolve"  # end what no provider answers for, and take reviews off
    REFUNDS_READ = "refunds:read"
    REFUNDS_WRITE = "refunds:write"
    PAYOUTS_READ = "payouts:read"
    PAYOUTS_WRITE = "payouts:write"
    LINKS_READ = "links:read"
    LINKS_WRITE = "links:write"
    PROVIDERS_READ = "providers:read"
    PROVIDERS_WRITE = "providers:write"
    ROUTING_READ = "routing:read"
    ROUTING_WRITE = "routing:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    TEAM_READ = "team:read"
    TEAM_WRITE = "team:write"
    AUDIT_READ = "audit:read"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"


ALL_PERMISSIONS = frozenset(Permission)
READ_PERMISSIONS = frozenset(item for item in Permission if item.endswith(":read"))


# What a person does with these, a stolen session may not: who it is, is proven anew before.
NEED_FRESH_PROOF = frozenset(
    {
        Permission.TRANSACTIONS_RESOLVE,
        Permission.REFUNDS_WRITE,
        Permission.PAYOUTS_WRITE,
        Permission.PROVIDERS_WRITE,
        Permission.ROUTING_WRITE,
        Permission.WEBHOOKS_WRITE,
        Permission.KEYS_WRITE,
        Permission.TEAM_WRITE,
        Permission.SETTINGS_WRITE,
    }
)


class Role(StrEnum):
    """What a person is for a merchant. `permissions`: what the role brings."""

    OWNER = "owner"
    DEVELOPER = "developer"
    FINANCE = "finance"
    SUPPORT = "support"
    READ_ONLY = "read_only"

    @property
    def permissions(self) -> frozenset[Permission]:
        return _OF_ROLE[self]


_OF_ROLE = {
    Role.OWNER: ALL_PERMISSIONS,
    # Connects programs; no money leaves by his hand.
    Role.DEVELOPER: READ_PERMISSIONS
    | {
        Permission.TRANSACTIONS_WRITE,
        Permission.LINKS_WRITE,
        Permission.PROVIDERS_WRITE,
        Permission.ROUTING_WRITE,
        Permission.WEBHOOKS_WRITE,
        Permission.KEYS_WRITE,
        Permission.JOBS_WRITE,
    },
    # Answers for the money; changes nothing that programs depend on.
    Role.FINANCE: READ_PERMISSIONS
    | {
        Permission.TRANSACTIONS_WRITE,
        Permission.TRANSACTIONS_RESOLVE,
        Permission.REFUNDS_WRITE,
        Permission.PAYOUTS_WRITE,
        Permission.LINKS_WRITE,
    },
    # Helps payers.
    Role.SUPPORT: frozenset(
        {
            Permission.TRANSACTIONS_READ,
            Permission.TRANSACTIONS_WRITE,
            Permission.REFUNDS_READ,
            Permission.PAYOUTS_READ,
            Permission.LINKS_READ,
            Permission.LINKS_WRITE,
            Permission.PROVIDERS_READ,
            Permission.WEBHOOKS_READ,
            Permission.JOBS_READ,
        }
    ),
    Role.READ_ONLY: READ_PERMISSIONS,
}


def read_scopes(words: Iterable[str], pointer: str = "/scopes") -> frozenset[Permission]:
    """Read the scopes of an API key. Raises InvalidRequest, with one entry for each word that is none."""
    wanted = [word.strip() for word in words]
    known = {item.value for item in Permission}
    faults = [
        FieldError(f"{pointer}/{place}", "unknown_scope", {"value": word[:40]})
        for place, word in enumerate(wanted)
        if word not in known
    ]
    if faults:
        raise InvalidRequest(faults)
    return frozenset(Permission(word) for word in wanted)

"""Which merchants may ask one phone to pay without limit: a choice of whoever runs the installation, never their own."""

from afriflow.core.errors import NotFound
from afriflow.db.engine import Connection
from afriflow.merchants import audit_log, store


async def put_prompts_unlimited(
    connection: Connection, merchant_id: str, *, unlimited: bool, who: str
) -> None:
    """Lift the limits of prompts for a merchant, or let them hold again. Raises NotFound."""
    if await connection.execute(store.MERCHANT_PROMPTS, merchant_id, unlimited) == "UPDATE 0":
        raise NotFound(id=merchant_id)
    await audit_log.write(
        connection,
        merchant_id=merchant_id,
        who=who,
        action="prompt_limits.lifted" if unlimited else "prompt_limits.restored",
        subject=merchant_id,
    )

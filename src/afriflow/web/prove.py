"""How a person proves anew who it is: in place, before what was asked for, which is then done with what was entered.

The form that was sent comes back in a page that asks for a code or the password, and goes from there to the same
address, as if it had been sent with its proof at once. Nothing is kept meanwhile.
"""

from typing import Any

from litestar import Request, Response

from afriflow.core.errors import ProofWanted, WrongProof
from afriflow.core.language import say
from afriflow.merchants.sessions import SignedIn
from afriflow.web.form import FORM_FIELD, read_pairs
from afriflow.web.render import page_language, render
from afriflow.web.session_cookie import change_token, session_token
from afriflow.web.throttle import Throttle

# Names that no form of ours has; the second is for password managers alone.
_PROOF = "fresh_proof"
_ACCOUNT = "username"
_STATE = "entered"


async def require_fresh_proof(request: Request[Any, Any, Any], me: SignedIn) -> None:
    """Take the proof that came with the form, or ask for one. Raises ProofWanted."""
    pairs = await read_pairs(request)
    state = request.scope["state"]
    state[_STATE] = [(name, value) for name, value in pairs if name not in {_PROOF, FORM_FIELD, _ACCOUNT}]
    proof, token = dict(pairs).get(_PROOF), session_token(request)
    if not proof or token is None:
        raise ProofWanted
    await prove(request, me, proof)


async def prove(request: Request[Any, Any, Any], me: SignedIn, proof: str) -> None:
    """Count the try, check the proof and give the browser the session's new token. Raises ProofWanted."""
    throttle: Throttle = request.app.state.throttle
    if not await throttle.admit_account(me.email):
        raise ProofWanted(wrong="too_many_tries")
    try:
        state = request.scope["state"]
        state["me"], token = await request.app.state.house.people.door.prove(me, proof)
    except WrongProof as error:
        await request.app.state.house.people.door.note_failure(me.email, "wrong_proof")
        raise ProofWanted(wrong="wrong_code" if me.second_factor else "wrong_own_password") from error
    await throttle.forget_account(me.email)
    change_token(request, token)


def ask_for_proof(request: Request[Any, Any, Any], error: ProofWanted) -> Response[str]:
    """Show what is wanted, with everything that was entered in hidden fields."""
    state = request.scope["state"]
    me: SignedIn = state["me"]
    language = page_language(request, me.language)
    wrong = str(error.facts.get("wrong", ""))
    minutes = -(-request.app.state.house.settings.sign_in_window_seconds // 60)
    return render(
        request,
        "prove.html",
        language,
        status=error.status,
        me=me,
        entered=state.get(_STATE, []),
        wrong=say(f"dashboard.{wrong}", language, minutes=minutes) if wrong else "",
    )

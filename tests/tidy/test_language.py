"""What people read: both languages say the same things, and whatever the code wants to say has its sentence."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from string import Formatter
from typing import Any

import pytest
from tidy.sources import Module, called

import afriflow
from afriflow.core.errors import AfriFlowError
from afriflow.core.evidence import Source, Word
from afriflow.core.language import LANGUAGES, keys
from afriflow.core.method import ActionType, FailureCode
from afriflow.core.review import Cause, Review
from afriflow.core.transaction import AttemptStatus, TransactionStatus
from afriflow.simulator.faults import Knobs, Probability
from afriflow.simulator.seat import endings_of, simulated_providers

# What `web.errors` knows by itself when it says why a request was refused.
_KNOWN_TO_THE_DOOR = {"limit_bytes", "reason"}
# Sections of which every sentence must have somebody who says it.
_SAID_BY_CODE = ("error", "field", "failure", "action", "status", "why")
_NO_RUNNING = ("afriflow.__main__", "afriflow.db.migrations")
# Second sentences of an action: the code to dial is known, the operator explains, the prompt has to be called up.
_VARIANTS = {
    "action.enter_otp_dial",
    "action.enter_otp_sent",
    "action.enter_otp_guided",
    "action.approve_by_hand",
}


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.fixture(scope="module")
def errors() -> dict[str, type[AfriFlowError]]:
    """Every error there is, by its class' name, wherever it is defined."""
    for module in pkgutil.walk_packages(afriflow.__path__, "afriflow."):
        if not module.name.startswith(_NO_RUNNING):
            importlib.import_module(module.name)
    return {kind.__name__: kind for kind in (AfriFlowError, *_below(AfriFlowError))}


def test_both_languages_say_the_same_things() -> None:
    assert set(keys("fr")) == set(keys("en"))
    assert all(text.strip() for language in LANGUAGES for text in keys(language).values())


def test_both_languages_fill_in_the_same_facts() -> None:
    differ = {
        key for key, text in keys("fr").items() if placeholders(text) != placeholders(keys("en").get(key, ""))
    }
    assert not differ


def test_every_fault_of_a_simulator_is_explained() -> None:
    chances = {name for name, knob in Knobs.__annotations__.items() if knob is Probability}
    assert {f"fault.{name}" for name in chances} == {key for key in keys("en") if key.startswith("fault.")}


def test_every_error_has_its_sentence(errors: dict[str, Any]) -> None:
    assert {f"error.{kind.code}" for kind in errors.values()} - set(keys("en")) == set()


def test_every_code_is_the_name_of_one_error_only(errors: dict[str, Any]) -> None:
    codes = [kind.code for kind in errors.values()]
    assert sorted(codes) == sorted(set(codes))


def test_every_error_is_raised_with_the_facts_its_sentence_needs(
    modules: list[Module], errors: dict[str, Any]
) -> None:
    found: list[str] = []
    for module, call, kind in _raised(modules, errors):
        given = {keyword.arg for keyword in call.keywords} if isinstance(call, ast.Call) else set()
        wanted = placeholders(keys("en").get(f"error.{kind.code}", "")) - _KNOWN_TO_THE_DOOR
        if None not in given and not wanted <= given:
            found.append(f"{module.name}:{call.lineno}: {kind.code} wants {sorted(wanted - given)}")
    assert not found, "\n".join(found)


def test_every_fault_of_a_field_has_its_sentence_and_its_facts(modules: list[Module]) -> None:
    found: list[str] = []
    for module, call, codes, given in _faults_of_fields(modules):
        if not codes:
            found.append(f"{module.name}:{call.lineno}: its code cannot be read")
        for code in codes:
            sentence = keys("en").get(f"field.{code}")
            if sentence is None or not placeholders(sentence) <= given:
                found.append(f"{module.name}:{call.lineno}: field.{code}: {sentence} from {sorted(given)}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("failure", FailureCode),
        ("action", ActionType),
        ("status", TransactionStatus),
        ("dashboard.attempt", AttemptStatus),
        ("dashboard.action", ActionType),
        ("dashboard.source", Source),
        ("cause", Cause),
        ("dashboard.review", Review),
        ("dashboard.event", [word.__name__.lower() for word in Word.__args__]),
    ],
)
def test_every_word_of_the_core_has_its_sentence(section: str, words: Any) -> None:
    joint = "_" if section.startswith("dashboard.") else "."
    assert {f"{section}{joint}{word}" for word in words} - set(keys("en")) == set()


def test_every_reason_of_routing_has_its_sentence(modules: list[Module]) -> None:
    reasons = _reasons_of_routing(modules)
    assert {"chosen", "ranked", "country", "paused"} <= reasons
    assert {f"why.{reason}" for reason in reasons} - set(keys("en")) == set()


def test_every_finding_of_the_doctor_has_its_sentence_and_its_facts(modules: list[Module]) -> None:
    found: list[str] = []
    for module, call in _calls(modules, {"Finding"}):
        facts = [keyword.value for keyword in call.keywords if keyword.arg == "facts"] or call.args[2:3]
        given = {key for part in facts for key in _keys_of(part, module.tree)}
        for code in _strings(call.args[0], module.tree):
            sentence = keys("en").get(f"doctor.{code}")
            if sentence is None or not placeholders(sentence) <= given:
                found.append(f"{module.name}:{call.lineno}: doctor.{code}: {sentence}")
    assert not found, "\n".join(found)


def test_every_sentence_that_is_said_by_name_exists_and_gets_its_facts(modules: list[Module]) -> None:
    found: list[str] = []
    for module, call in _calls(modules, {"say", "t"}):
        first = call.args[0] if call.args else None
        if not isinstance(first, ast.Constant):
            continue
        key = f"cli.{first.value}" if called(call) == "t" else str(first.value)
        given = {keyword.arg for keyword in call.keywords}
        sentence = keys("en").get(key)
        if sentence is None or (None not in given and not placeholders(sentence) <= given):
            found.append(f"{module.name}:{call.lineno}: {key}: {sentence}")
    assert not found, "\n".join(found)


def test_every_sentence_of_a_page_exists(texts: dict[str, str]) -> None:
    pages = {name: text for name, text in texts.items() if name.startswith("src/afriflow/web/templates/")}
    said = {
        (name, key) for name, text in pages.items() for key in re.findall(r"\bsay\('([\w.]+)'\s*[,)]", text)
    }
    assert said
    assert {(name, key) for name, key in said if key not in keys("en")} == set()


def test_every_act_of_the_audit_log_and_every_ending_of_a_number_has_its_sentence(
    modules: list[Module],
) -> None:
    acts = {
        text
        for module, call in _calls(modules, {"write", "_write"})
        if "audit_log" in module.text
        for part in [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "action")]
        for text in _strings(part, module.tree)
        if re.fullmatch(r"[a-z]+\.[a-z_]+", text)
    }
    assert {"policy.changed", "endpoint.added", "person.signed_in"} <= acts
    assert {f"act.{act.replace('.', '_')}" for act in acts} - set(keys("en")) == set()
    endings = {
        f"ending.{word}" for provider in simulated_providers() for word in endings_of(provider).values()
    }
    assert endings == {key for key in keys("en") if key.startswith("ending.")}


def test_no_sentence_is_there_that_nobody_says(modules: list[Module], errors: dict[str, Any]) -> None:
    said = {f"error.{kind.code}" for kind in errors.values()} | _VARIANTS
    said |= {f"field.{code}" for _, _, codes, _ in _faults_of_fields(modules) for code in codes}
    said |= {
        f"{section}.{word}"
        for section, words in (("failure", FailureCode), ("action", ActionType))
        for word in words
    }
    said |= {f"status.{word}" for word in TransactionStatus}
    said |= {f"why.{reason}" for reason in _reasons_of_routing(modules)}
    assert {
        key for key in keys("en") if key.startswith(tuple(f"{name}." for name in _SAID_BY_CODE))
    } - said == set()


# ── what the rules look at ──────────────────────────────────────────────────────────────────────────────────────
def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _calls(modules: list[Module], names: set[str]) -> Iterator[tuple[Module, ast.Call]]:
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and called(node) in names:
                yield module, node


def _raised(modules: list[Module], errors: dict[str, Any]) -> Iterator[tuple[Module, ast.expr, Any]]:
    """Every error that is made, and every one that is raised without being made (`raise NotFound`)."""
    for module, call in _calls(modules, set(errors)):
        yield module, call, errors[called(call)]
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id in errors:
                yield module, node.exc, errors[node.exc.id]


def _faults_of_fields(modules: list[Module]) -> Iterator[tuple[Module, ast.Call, set[str], set[str]]]:
    """Every FieldError: where it is made, which codes it can have, which facts it is given."""
    for module in modules:
        scopes = [*module.functions, module.tree]
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and called(node) == "FieldError":
                scope = min(
                    (scope for scope in scopes if _holds(scope, node)),
                    key=lambda scope: len(list(ast.walk(scope))),
                )
                codes = _strings(node.args[1], scope)
                given = _keys_of(node.args[2], scope) if len(node.args) > 2 else set[str]()
                yield module, node, codes, given


def _holds(scope: ast.AST, node: ast.AST) -> bool:
    return any(child is node for child in ast.walk(scope))


def _values(node: ast.expr, scope: ast.AST) -> list[ast.expr]:
    """Give what a name stands for in its function, and the ends of a choice; anything else stands for itself."""
    if isinstance(node, ast.IfExp):
        return [*_values(node.body, scope), *_values(node.orelse, scope)]
    if isinstance(node, ast.Name):
        assigned = [child for child in ast.walk(scope) if isinstance(child, ast.Assign)]
        return [
            value
            for child in assigned
            if any(isinstance(target, ast.Name) and target.id == node.id for target in child.targets)
            for value in _values(child.value, scope)
        ]
    return [node]


def _strings(node: ast.expr, scope: ast.AST) -> set[str]:
    return {str(value.value) for value in _values(node, scope) if isinstance(value, ast.Constant)}


def _keys_of(node: ast.expr, scope: ast.AST) -> set[str]:
    return {
        str(key.value)
        for value in _values(node, scope)
        if isinstance(value, ast.Dict)
        for key in value.keys
        if isinstance(key, ast.Constant)
    }


def _reasons_of_routing(modules: list[Module]) -> set[str]:
    """The codes that `routing.choose` can give: beside the facts in what it returns, and in a Verdict."""
    [module] = [module for module in modules if module.name == "routing/choose.py"]
    found: set[str] = set()
    for function in module.functions:
        for node in ast.walk(function):
            parts: list[ast.expr] = []
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                parts = [item for item in node.value.elts[:-1] if isinstance(node.value.elts[-1], ast.Dict)]
            elif isinstance(node, ast.Call) and called(node) == "Verdict":
                parts = node.args[2:3]
            found |= {text for part in parts for text in _strings(part, function) if text and text != "None"}
    return found

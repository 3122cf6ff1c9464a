"""What is asked when an account is opened: each field of a provider's config, in words that people read, and its faults."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec

from afriflow.core.transaction import Mode
from afriflow.port.provider import Secret, Spec

_NO_WORDS: Mapping[str, tuple[str, str]] = {}


class WrongAnswer(ValueError):
    """A field of a config does not hold what its provider needs. en, fr: what it should hold."""

    def __init__(self, name: str, *, en: str, fr: str) -> None:
        super().__init__(f"{name}: {en}")
        self.name = name
        self._said = {"en": en, "fr": fr}

    def said(self, language: str) -> str:
        return self._said[language if language in self._said else "en"]


def asked(
    default: Any = dataclasses.MISSING,
    *,
    en: tuple[str, str],
    fr: tuple[str, str],
    choices: tuple[str, ...] = (),
    lines: bool = False,
    by_installation: bool = False,
) -> Any:
    """Declare a field of a config. en, fr: its name and a hint.

    choices: the only words it may hold. lines: it is longer than a line. by_installation: an address that we would
    call, or something else that whoever runs the installation decides, and no merchant.
    """
    said = {
        "words": {"en": en, "fr": fr},
        "choices": choices,
        "lines": lines,
        "by_installation": by_installation,
    }
    return field(default=default, metadata=said)


@dataclass(frozen=True, slots=True)
class Question:
    """One field. kind: text, lines, number or choice. secret: written and never shown."""

    name: str
    kind: str
    secret: bool
    required: bool
    default: str
    choices: tuple[str, ...]
    by_installation: bool
    words: Mapping[str, tuple[str, str]]

    def label(self, language: str) -> str:
        return self._words(language)[0]

    def hint(self, language: str) -> str:
        return self._words(language)[1]

    def _words(self, language: str) -> tuple[str, str]:
        plain = (self.name.replace("_", " ").capitalize(), "")
        return self.words.get(language) or self.words.get("en") or plain


@cache
def questions(config_type: type[Any]) -> tuple[Question, ...]:
    """Read the questions from a config type, in its own order; one that declares no words has its fields' names."""
    hints = get_type_hints(config_type)
    return tuple(_question(item, hints[item.name]) for item in dataclasses.fields(config_type))


def read_answers(spec: Spec, answers: Mapping[str, str]) -> dict[str, Any]:
    """Make values of a config from texts; what is empty is left to its default. Raises WrongAnswer for what is no number."""
    hints, values = get_type_hints(spec.config_type), dict[str, Any]()
    for item in questions(spec.config_type):
        text = answers.get(item.name, "")
        if not text:
            continue
        try:
            kind = hints[item.name]
            if kind is bool:
                text = {"yes": "true", "no": "false"}.get(text, text)
            values[item.name] = msgspec.convert(text, kind, strict=False) if kind in {int, bool} else text
        except msgspec.ValidationError as error:
            raise WrongAnswer(item.name, en="a number is expected", fr="un nombre est attendu") from error
    return values


def check_answers(spec: Spec, mode: Mode, values: Mapping[str, Any]) -> None:
    """Let the provider's own rules look at a config. Raises WrongAnswer with the first that is broken."""
    for item in questions(spec.config_type):
        if item.required and not values.get(item.name):
            raise WrongAnswer(item.name, en="this is required", fr="ce champ est obligatoire")
        given = values.get(item.name, item.default)
        held = ("yes" if given else "no") if isinstance(given, bool) else str(given)
        if item.choices and held not in item.choices:
            one_of = ", ".join(item.choices)
            raise WrongAnswer(item.name, en=f"expected one of: {one_of}", fr=f"valeurs possibles : {one_of}")
    try:
        config = msgspec.convert(values, spec.config_type, dec_hook=_wrap)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, WrongAnswer):
            raise error.__cause__ from error
        name, _, why = str(error).partition(": ")
        known = name in {item.name for item in questions(spec.config_type)}
        raise WrongAnswer(name if known else "", en=why or name, fr=why or name) from error
    spec.fits(config, mode)


def _question(item: "dataclasses.Field[Any]", hint: Any) -> Question:
    secret = hint is Secret or Secret in get_args(hint)
    choices: tuple[str, ...] = item.metadata.get("choices") or (("no", "yes") if hint is bool else ())
    required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    default = "" if required or item.default is None else item.default
    if isinstance(default, bool):
        default = "yes" if default else "no"
    kind = (
        "choice"
        if choices
        else "lines"
        if item.metadata.get("lines")
        else "number"
        if hint is int
        else "text"
    )
    return Question(
        name=item.name,
        kind=kind,
        secret=secret,
        required=required,
        default=str(default),
        choices=choices,
        by_installation=bool(item.metadata.get("by_installation")),
        words=item.metadata.get("words", _NO_WORDS),
    )


def _wrap(kind: type[Any], value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"expected {kind.__name__}")

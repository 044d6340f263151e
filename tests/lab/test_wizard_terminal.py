"""From welcome to summary by keys alone, in a real terminal, to a service that works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import tomlkit

from assistant.answers import Answers, next_question, with_answer
from assistant.rehearsal.lab import LabHost, LabUser
from assistant.rehearsal.practice import practice_answers, practice_setup
from assistant.store import list_setups
from assistant.text.language import translated
from tests.lab.conftest import Practice
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]


class Person:
    """Somebody at a terminal who reads a language and presses keys."""

    def __init__(self, terminal: Terminal, language: str) -> None:
        self.terminal = terminal
        self.language = language

    def sees(self, *sentences: str, seconds: float = 30) -> str:
        """Wait until one of the program's sentences is on the screen; which one."""
        words = {translated(one, self.language): one for one in sentences}
        return words[self.terminal.wait(*words, seconds=seconds)]

    def said(self, sentence: str, **values: object) -> str:
        """A sentence of the program in this language."""
        return translated(sentence, self.language).format(**values)

    def enters(self, button: str, seconds: float = 30, **values: object) -> None:
        """Wait until Enter does something, by the words of its button, and press it."""
        self.terminal.wait(f"{self.said(button, **values)} ⏎", seconds=seconds)
        self.terminal.press("enter")

    def fills(self, *texts: str) -> None:
        """Put texts in the place of what stands in lines, one below the other."""
        for number, text in enumerate(texts):
            if number:
                # The next line has the focus once the screen shows so, not before.
                self.terminal.press("down")
                self.terminal.settle()
            self._fills(text)

    def _fills(self, text: str) -> None:
        self.terminal.press("end", "ctrl+u")
        self.terminal.type(text)
        self.terminal.wait(text[-40:])

    def answers(self, wanted: Answers) -> None:
        """Answer every question that comes with what is wanted."""
        given = Answers()
        while (asked := next_question(given)) is not None:
            self.terminal.wait(translated(asked.text.template, self.language))
            value = wanted.value(asked.id)
            values = (value,) if isinstance(value, str) else value or ()
            numbers = [str(n) for n, c in enumerate(asked.choices, 1) if c.value in values]
            self.terminal.press(*numbers)
            given = with_answer(given, asked.id, value)
            last = next_question(given) is None
            self.enters("See the advice" if last else "Next question")


def typed_server(person: Person, practice: Practice, host: LabHost, user: str) -> None:
    """The lines about the server, and the trial of it."""
    person.sees("The IP address of the server. None yet? Press ?")
    person.fills(
        host.ipv4,
        str(host.ssh_port),
        user,
        str(practice.lab.facts.operator_key),
        host.ipv4,
        host.ipv6,
    )
    person.enters("Try this server")
    person.sees("Is this really your server?")
    fingerprint = _fingerprint(host)
    person.terminal.wait(fingerprint)
    person.terminal.press("y")


def _fingerprint(host: LabHost) -> str:
    """The SHA256 fingerprint of the host's Ed25519 key, as its console would show it."""
    import base64
    import hashlib

    (key,) = (key.split()[1] for key in host.host_keys if key.startswith("ssh-ed25519"))
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


@pytest.mark.parametrize(("language", "user"), [("en", "operator"), ("zh", "root")])
def test_from_welcome_to_summary(
    practice: Practice, tmp_path: Path, language: str, user: str
) -> None:
    lab = practice.lab
    host = practice.fresh()
    name = f"{language}.{lab.facts.zone}"
    settings = practice_setup(1, host.release, lab.facts, host).settings
    beginning = tmp_path / "settings.toml"
    values = settings.model_dump(mode="json", exclude_defaults=True)
    beginning.write_text(tomlkit.dumps({"settings": values}), "utf-8")
    env = {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HOME": str(tmp_path),
        "MATRIX_ASSISTANT_SETTINGS": str(beginning),
        "LANG": "zh_CN.UTF-8" if language == "zh" else "en_US.UTF-8",
    }
    with Terminal([sys.executable, "-m", "assistant"], env=env, cwd=ROOT) as terminal:
        person = Person(terminal, language)
        person.sees("A private messenger of your own")
        person.enters("Begin")
        person.answers(practice_answers(1))
        person.enters("Go on with option {number}", number=1)

        person.sees("Your domain, or a name below it. None yet? Press ?")
        terminal.type(name)
        person.enters("Yes, this name for ever")
        terminal.wait(f"@anna:{name}")
        person.enters("On to the server")
        typed_server(person, practice, host, user)
        if user == "operator":
            (account,) = (one for one in host.users if one.name == user)
            gives_password(person, account)
        person.enters("Check this server", seconds=60)

        terminal.wait(f"{name}. 300", f"{host.ipv4}", seconds=90)
        person.enters("Check again", seconds=90)
        practice.run(lab.dns_set(name, "A", [host.ipv4]))
        practice.run(lab.dns_set(name, "AAAA", [host.ipv6]))
        person.enters("Review what will change", seconds=120)
        person.sees("What will be done", seconds=60)
        person.enters("Set it up now", seconds=60)
        person.enters("Prove that a message arrives", seconds=400)

        person.sees("It works: messages arrive, and the server cannot read them", seconds=120)
        person.enters("Next: people")
        terminal.press("p")
        terminal.wait(f"@admin:{name}", seconds=30)
        person.enters("I have written it down")
        terminal.press("i")
        terminal.type("anna")
        person.enters("Make the account")
        terminal.wait(f"@anna:{name}", seconds=60)
        person.enters("I have written it down")
        person.enters("Next: the summary")
        person.sees("For you, who looks after it")
        terminal.press("e")
        person.enters("Save it here")
        summary = tmp_path / "matrix-summary.md"
        terminal.wait(
            person.said("Saved in {path}. It holds no passwords; do not publish it.", path=summary)
        )
        terminal.press("escape", "ctrl+d")

        person.sees("A private messenger of your own")
        terminal.wait(name)
        terminal.press("ctrl+q")
        assert terminal.wait_end() == 0

    assert name in summary.read_text("utf-8")
    (kept,) = list_setups(tmp_path / "data" / "matrix-assistant" / "setups")
    assert kept.setup is not None
    assert kept.setup.option == 1
    assert kept.setup.server_name == name
    assert [(e.what, e.ok) for e in kept.setup.history if e.what in ("applied", "canary")] == [
        ("applied", True),
        ("canary", True),
    ]
    assert not (tmp_path / "data" / "matrix-assistant" / "draft.json").exists()
    practice.remove(host)


def gives_password(person: Person, account: LabUser) -> None:
    """The password for sudo, typed in the dark."""
    asked = person.said("The password of {user}, for sudo", user=account.name)
    person.terminal.wait(asked, seconds=60)
    assert account.password
    person.terminal.type(account.password)
    assert account.password not in person.terminal.text
    person.terminal.press("enter")

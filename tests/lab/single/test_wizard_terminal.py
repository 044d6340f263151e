"""From welcome to summary by keys alone, in a real terminal, to a service that works."""

from __future__ import annotations

import base64
import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tomlkit

from assistant.answers import Answers, next_question, with_answer
from assistant.rehearsal.lab import LabHost, LabUser
from assistant.rehearsal.practice_setup import practice_answers, practice_setup
from assistant.setup.store import list_setups
from assistant.text.language import translated
from tests.lab.conftest import Practice
from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[3]


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


def fingerprint(host: LabHost) -> str:
    """The SHA256 fingerprint of the host's Ed25519 key, as its console would show it."""
    (key,) = (key.split()[1] for key in host.host_keys if key.startswith("ssh-ed25519"))
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


class Journey:
    """A practice host, a name, and a wizard that may be quit and started again."""

    def __init__(self, practice: Practice, folder: Path, language: str) -> None:
        self.practice, self.folder, self.language = practice, folder, language
        self.host = practice.fresh()
        self.name = f"{language}.{practice.lab.facts.zone}"
        settings = practice_setup(
            1, self.host.release, practice.lab.facts, {"outside": self.host}
        ).settings
        values = settings.model_dump(mode="json", exclude_defaults=True)
        (folder / "settings.toml").write_text(tomlkit.dumps({"settings": values}), "utf-8")

    @contextmanager
    def wizard(self) -> Iterator[Person]:
        """The program on a terminal, and somebody in front of it."""
        env = {
            "XDG_DATA_HOME": str(self.folder / "data"),
            "HOME": str(self.folder),
            "MATRIX_ASSISTANT_SETTINGS": str(self.folder / "settings.toml"),
            "LANG": "zh_CN.UTF-8" if self.language == "zh" else "en_US.UTF-8",
        }
        with Terminal([sys.executable, "-m", "assistant"], env=env, cwd=ROOT) as terminal:
            yield Person(terminal, self.language)
            terminal.press("ctrl+q")
            assert terminal.wait_end() == 0

    # -- the stations ----------------------------------------------------------

    def chooses(self, person: Person) -> None:
        """From welcome to the name of the service."""
        person.sees("A private messenger of your own")
        person.enters("Begin")
        person.answers(practice_answers(1))
        person.enters("Go on with option {number}", number=1)
        person.sees("Your domain, or a name below it. None yet? Press ?")
        person.terminal.type(self.name)
        person.enters("Yes, this name for ever")
        # The name itself was there before it was settled.
        settled = "✓ ok  This is the name, for ever: @anna:{name}"
        person.terminal.wait(person.said(settled, name=self.name))

    def logs_in(self, person: Person, user: str) -> None:
        """The server: where it is, whether it is the right one, what it asks."""
        person.sees("The IP address of the server. None yet? Press ?")
        person.fills(
            self.host.ipv4,
            str(self.host.ssh_port),
            user,
            str(self.practice.lab.facts.operator_key),
            self.host.ipv4,
            self.host.ipv6,
        )
        person.enters("Try this server")
        person.sees("Is this really your server?")
        person.terminal.wait(fingerprint(self.host))
        person.terminal.press("y")
        for account in self.host.users:
            if account.name == user and account.sudo == "password":
                gives_password(person, account)
        person.enters("Check this server", seconds=60)

    def makes_ready(self, person: Person) -> None:
        """The checks miss the records, which then come; then the review, and off it goes."""
        person.terminal.wait(f"{self.name}. 300", seconds=90)
        person.enters("Check again", seconds=90)
        lab = self.practice.lab
        self.practice.run(lab.dns_set(self.name, "A", [self.host.ipv4]))
        self.practice.run(lab.dns_set(self.name, "AAAA", [self.host.ipv6]))
        person.enters("Review what will change", seconds=120)
        person.sees("What will be done", seconds=60)
        person.enters("Set it up now", seconds=60)
        person.sees("Setting up your servers")

    def proves(self, person: Person) -> None:
        """The end of the work, and the conversation."""
        person.enters("Prove that a message arrives", seconds=400)
        person.sees("It works: messages arrive, and the server cannot read them", seconds=120)
        person.enters("Next: people")

    def invites(self, person: Person) -> None:
        """The administrator's password, and an account for somebody."""
        person.terminal.press("p")
        person.terminal.wait(f"@admin:{self.name}", seconds=30)
        person.enters("I have written it down")
        person.terminal.press("i")
        person.terminal.type("anna")
        person.enters("Make the account")
        person.terminal.wait(f"@anna:{self.name}", seconds=60)
        person.enters("I have written it down")
        person.enters("Next: the summary")

    def takes_the_summary(self, person: Person) -> None:
        """The summary as a file; then back to the start, where the service is listed."""
        summary = self.folder / "matrix-summary.md"
        person.sees("For you, who looks after it")
        person.terminal.press("e")
        person.enters("Save it here")
        saved = "Saved in {path}. It holds no passwords; do not publish it."
        person.terminal.wait(person.said(saved, path=summary))
        assert self.name in summary.read_text("utf-8")
        person.terminal.press("escape", "ctrl+d")
        person.sees("A private messenger of your own")
        person.terminal.wait(self.name)

    def ended_well(self) -> None:
        """What is kept here and on the host: one setup, applied and proven, by a single run."""
        data = self.folder / "data" / "matrix-assistant"
        (kept,) = list_setups(data / "setups")
        assert kept.setup is not None
        assert (kept.setup.option, kept.setup.server_name) == (1, self.name)
        done = [(e.what, e.ok) for e in kept.setup.history if e.what in ("applied", "canary")]
        assert done == [("applied", True), ("canary", True)]
        assert not (data / "draft.json").exists()
        runs = self.practice.lab.root_of(self.host.name) / "var/lib/matrix-assistant/runs"
        assert len(list(runs.iterdir())) == 1
        self.practice.remove(self.host)


def test_from_welcome_to_summary(practice: Practice, tmp_path: Path) -> None:
    journey = Journey(practice, tmp_path, "en")
    with journey.wizard() as person:
        journey.chooses(person)
        person.enters("On to the server")
        journey.logs_in(person, "operator")
        journey.makes_ready(person)
        journey.proves(person)
        journey.invites(person)
        journey.takes_the_summary(person)
    journey.ended_well()


def test_in_chinese_with_the_program_quit_on_the_way(practice: Practice, tmp_path: Path) -> None:
    journey = Journey(practice, tmp_path, "zh")
    with journey.wizard() as person:
        journey.chooses(person)
    with journey.wizard() as person:
        person.enters("Go on")
        journey.logs_in(person, "root")
        journey.makes_ready(person)
        time.sleep(5)  # so that it is well under way
    with journey.wizard() as person:
        person.enters("Go on")
        journey.proves(person)
        journey.invites(person)
        journey.takes_the_summary(person)
    journey.ended_well()


def gives_password(person: Person, account: LabUser) -> None:
    """The password for sudo, typed in the dark."""
    asked = person.said("The password of {user}, for sudo", user=account.name)
    person.terminal.wait(asked, seconds=60)
    assert account.password
    person.terminal.type(account.password)
    assert account.password not in person.terminal.text
    person.terminal.press("enter")

"""Dialogs about trust: is this your server, which password opens it, are you sure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from assistant.text import Message, msg
from screens.base.dialog import Dialog
from screens.base.dialogs import ConfirmDialog
from screens.widgets.button import Button, WordedButton
from screens.widgets.words import Words

if TYPE_CHECKING:
    from assistant.remote import HostKey, Wanted
    from assistant.setup.model import Host


class KeyDialog(ConfirmDialog):
    """Shows the key of a server that is met for the first time, and how to compare it."""

    DEFAULT_CSS = """
    KeyDialog #fingerprint { text-style: bold; width: 100%; text-align: center; }
    KeyDialog #grouped { width: 100%; text-align: center; }
    KeyDialog #command { text-style: bold; padding: 0 2; }
    """

    def __init__(self, host: Host, is_jump: bool, key: HostKey, *, practice: bool = False) -> None:
        login = host.jump if is_jump and host.jump is not None else host.login
        super().__init__(
            msg("Is this really your jump host?")
            if is_jump
            else msg("Is this really your server?"),
            yes=msg("It is the same"),
            no=msg("No, stop here"),
        )
        self._where = msg(
            "{address}, port {port}, shows this key fingerprint ({algorithm}):",
            address=login.address,
            port=login.port,
            algorithm=key.algorithm,
        )
        self._key = key
        self._practice = practice

    def content(self) -> Iterable[Widget]:
        """The fingerprint, how to compare it, and why."""
        yield Words(self._where, id="where")
        yield Words(self._key.fingerprint, id="fingerprint")
        yield Words(
            msg(
                "To compare: open the server's console on your provider's web page, log in there"
                " and type"
            )
        )
        yield Words(str(self._key.hint.values.get("command", "")), id="command")
        yield Words(
            msg(
                "The console of the practice server shows the same: say yes. For real, take the"
                " time to compare: a different key can mean that somebody stands in between."
            )
            if self._practice
            else msg(
                "It must show the same letters and digits. If not, somebody may stand between you"
                " and your server: say no, and nothing is sent to it. Asked once for each server."
            ),
            classes="muted",
        )


class SecretDialog(Dialog[str | None]):
    """Asks for a password in the dark. Escape gives none. It is never kept on a disk."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "none", str(msg("Give none")))]

    def __init__(self, title: Message, *texts: Message, wrong: bool = False) -> None:
        super().__init__()
        self.title_text = title
        self._texts = texts
        self._wrong = wrong

    @classmethod
    def for_login(cls, wanted: Wanted) -> SecretDialog:
        """The dialog for what a login asks for."""
        wrong = wanted.attempt > 1
        if wanted.kind == "passphrase":
            return cls(
                msg("The passphrase of your key"),
                msg(
                    "The key file {path} is locked. Its passphrase was chosen when the key was"
                    " made; it is not the password of the server.",
                    path=wanted.detail,
                ),
                wrong=wrong,
            )
        if wanted.kind == "sudo":
            return cls(
                msg("The password of {user}, for sudo", user=wanted.user),
                msg(
                    "{user} on {host} may do an administrator's work after typing a password:"
                    " the one {user} logs in with.",
                    user=wanted.user,
                    host=wanted.host,
                ),
                wrong=wrong,
            )
        return cls(
            msg("The password of {user}", user=wanted.user),
            msg(
                "{host} lets {user} in with a password. Your provider showed or sent it when the"
                " server was made.",
                user=wanted.user,
                host=wanted.host,
            ),
            wrong=wrong,
        )

    @classmethod
    def for_plan(cls, name: str, host: str) -> SecretDialog:
        """The dialog for a secret that a plan needs."""
        if name == "dns-token":
            return cls(
                msg("The key for your DNS records"),
                msg(
                    "{host} proves to the certificate authority that the domain is yours by"
                    " adding a DNS record. Your DNS provider gives the key for that. Leave it"
                    " empty to keep the one that is on the server.",
                    host=host,
                ),
            )
        if name == "dyndns-token":
            return cls(
                msg("The key for the address of your line at home"),
                msg(
                    "{host} keeps the DNS record of your line right whenever its address changes."
                    " Your DNS provider gives the key for that; it may be the same as for the"
                    " certificates. Leave it empty to keep the one that is on the machine.",
                    host=host,
                ),
            )
        if name == "records-token":
            from screens.servers.providers import company

            known = company(host)
            return cls(
                msg("The key for your DNS records"),
                msg(
                    "{company} lets a program change records with a key that you make on its web"
                    " page: its secret half is needed now. The records of this setup are then"
                    " added there, and those that must not exist are deleted.",
                    company=host if known is None else known.title,
                ),
            )
        return cls(
            msg("A secret for {host}", host=host),
            msg(
                "{host} needs a secret called {name}. Leave it empty to keep the one that is on"
                " the server.",
                host=host,
                name=name,
            ),
        )

    def content(self) -> Iterable[Widget]:
        """Why it is asked for, the field, what happens with it."""
        if self._wrong:
            yield Words(msg("✗ That was not it. Please try again."), classes="failed", id="wrong")
        for text in self._texts:
            yield Words(text)
        yield Input(password=True, id="secret")
        yield Words(
            msg("It is used now, kept in memory while the program runs, and never written down."),
            classes="muted",
        )

    def buttons(self) -> Iterable[Button]:
        """Give none, or use it."""
        yield WordedButton(msg("Give none"), id="none")
        yield WordedButton(msg("Use it"), id="use", variant="primary")

    def on_mount(self) -> None:
        """Ready to type."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the field uses it."""
        event.stop()
        self._use()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        if event.button.id == "use":
            self._use()
        else:
            self.dismiss(None)

    def action_none(self) -> None:
        """No password."""
        self.dismiss(None)

    def _use(self) -> None:
        # A server asked without a password would only refuse it and count a wrong one.
        self.dismiss(self.query_one(Input).value or None)

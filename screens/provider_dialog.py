"""Asks which company changes the DNS records, where a setup does not say yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from assistant.draft import TypedProvider
from assistant.drafting import provider_of
from assistant.errors import ProblemError
from assistant.setup import DnsProvider
from assistant.text import msg
from screens.button import Button, WordedButton
from screens.dialog import Dialog
from screens.fields import Field
from screens.option_lines import (
    COMPANY_NEEDED,
    DNS_WHERE,
    all_provider_lines,
    provider_choices,
    provider_lines,
)
from screens.server_parts import Row
from screens.stepper import Stepper
from screens.words import Words


class ProviderDialog(Dialog[DnsProvider | None]):
    """Ends with the provider, or with None when the person adds the records by hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "none", str(msg("Cancel"))),
        Binding("enter", "enter", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    ProviderDialog #dialog-body > Field { margin: 0; }
    """
    title_text = msg("Which company looks after your DNS?")

    def __init__(self, option: int) -> None:
        super().__init__()
        self._option = option

    def content(self) -> Iterable[Widget]:
        """The company, and what it needs besides the key."""
        yield Words(
            msg(
                "It is the company at which you would add the records by hand. This program adds"
                " them through its interface (API) instead. The secret key is asked for next."
            )
        )
        choices = provider_choices("", self._option, practice=False)
        yield Stepper(
            msg("Company"), choices, "", where=DNS_WHERE, needed=COMPANY_NEEDED, id="dns-name"
        )
        for line in all_provider_lines():
            yield Field(line, getattr(TypedProvider(), line.id), id=f"dns-{line.id}")
        yield Words("", id="wrong", classes="warning")

    def buttons(self) -> Iterable[Button]:
        """By hand, or by this company."""
        yield WordedButton(msg("By hand"), id="no")
        yield WordedButton(msg("Use this company"), id="yes", variant="primary")

    def on_mount(self) -> None:
        """Ready to choose."""
        self._show()
        self.query_one(Stepper).focus()

    @on(Stepper.Changed)
    def _chosen(self, event: Stepper.Changed) -> None:
        event.stop()
        self._show()

    @on(Field.Changed)
    def _typed(self, event: Field.Changed) -> None:
        event.stop()
        self.query_one("#wrong").display = False

    def _show(self) -> None:
        """Only the lines that the chosen company needs."""
        self.query_one("#wrong").display = False
        wanted = {line.id: line for line in provider_lines(self.query_one(Stepper).value)}
        for field in self.query(Field):
            line = wanted.get(field.line.id)
            field.display = line is not None
            if line is not None:
                field.query_one(".label", Words).message = line.label

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "yes":
            self._use()
        else:
            self.action_none()

    def action_none(self) -> None:
        """By hand."""
        self.dismiss(None)

    def action_enter(self) -> None:
        """Enter presses the button that has the focus; in the form it means yes."""
        if isinstance(self.focused, Button):
            self.focused.press()
        else:
            self._use()

    def _use(self) -> None:
        stepper = self.query_one(Stepper)
        shown = [field for field in self.query(Field) if field.display]
        rows: list[Row] = [stepper, *shown]
        wrong = [row for row in rows if not row.insist()]
        if wrong:
            wrong[0].input.focus()
            return
        typed = {field.line.id: field.value for field in shown}
        try:
            made = provider_of(TypedProvider(name=stepper.value, **typed), self._option)
        except ProblemError as error:
            words = self.query_one("#wrong", Words)
            words.message, words.display = error.message, True
            return
        self.dismiss(made)

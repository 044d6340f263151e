"""Asks which company changes the DNS records, where a setup does not say yet, or another one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from textual import on

from assistant.setup.model import DnsProvider
from assistant.text import msg
from assistant.wizard.draft import TypedProvider
from assistant.wizard.draft_to_setup import provider_of
from screens.base.form import Form
from screens.servers.option_lines import (
    COMPANY_NEEDED,
    DNS_WHERE,
    all_provider_lines,
    provider_choices,
    provider_lines,
)
from screens.widgets.field import Field
from screens.widgets.stepper import Row, Stepper
from screens.widgets.words import Words

T = TypeVar("T")


class ProviderForm(Form[T]):
    """Base: the company, and what it needs besides the key."""

    title_text = msg("Which company looks after your DNS?")
    yes = msg("Use this company")

    def __init__(self, option: int, typed: TypedProvider) -> None:
        super().__init__()
        self._option = option
        self._first = typed

    def lines(self) -> Iterable[Row]:
        """The company, and every line that some company needs."""
        name = self._first.name
        choices = provider_choices(name, self._option, practice=False)
        yield Stepper(
            msg("Company"), choices, name, where=DNS_WHERE, needed=COMPANY_NEEDED, id="dns-name"
        )
        for line in all_provider_lines():
            yield Field(line, getattr(self._first, line.id), id=f"dns-{line.id}")

    def on_mount(self) -> None:
        """Ready to choose."""
        self._show()
        super().on_mount()

    @on(Stepper.Changed)
    def _company(self) -> None:
        self._show()

    def _show(self) -> None:
        """Only the lines that the chosen company needs."""
        wanted = {line.id: line for line in provider_lines(self.query_one(Stepper).value)}
        for field in self.query(Field):
            line = wanted.get(field.line.id)
            field.display = line is not None
            if line is not None:
                field.query_one(".label", Words).message = line.label

    @property
    def typed(self) -> TypedProvider:
        """What stands there, as typed."""
        shown = {field.line.id: field.value for field in self.query(Field) if field.display}
        return TypedProvider(name=self.query_one(Stepper).value, **shown)

    def provider(self) -> DnsProvider | None:
        """The provider that stands there; raises for what cannot be used."""
        return provider_of(self.typed, self._option)


class ProviderDialog(ProviderForm[DnsProvider]):
    """Ends with the provider, or with None when the person adds the records by hand."""

    intro = msg(
        "It is the company at which you would add the records by hand. This program adds"
        " them through its interface (API) instead. The secret key is asked for next."
    )
    no = msg("By hand")

    def __init__(self, option: int) -> None:
        super().__init__(option, TypedProvider())

    def result(self) -> DnsProvider:
        """The provider."""
        made = self.provider()
        assert made is not None  # noqa: S101 - the choice is needed, so there is one
        return made

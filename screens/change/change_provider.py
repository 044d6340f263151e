"""The form that changes which company looks after the DNS of a setup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assistant.change.changes import change_provider
from assistant.change.possible import PossibleChange
from assistant.setup.model import DnsProvider, Setup
from assistant.text import msg
from assistant.wizard.draft import TypedProvider, draft_of
from assistant.wizard.steps import Step
from screens.change.change_forms import Chosen
from screens.servers.provider_dialog import ProviderForm
from screens.servers.providers import company
from screens.widgets.button import Button, WordedButton


class ProviderChange(ProviderForm[Chosen]):
    """Another company for the DNS, or none."""

    intro = msg(
        "This program sets the records there through the company's interface (API). Its secret key"
        " is asked for when it is needed, and kept nowhere on this computer."
    )

    def __init__(self, setup: Setup, kind: PossibleChange, typed: Mapping[str, str]) -> None:
        present = draft_of(setup, Step.REVIEW).provider
        super().__init__(setup.option, TypedProvider(**typed) if typed else present)
        self.setup, self.kind = setup, kind

    def buttons(self) -> Iterable[Button]:
        """Cancel; none, where certificates do not need one; this company."""
        yield WordedButton(self.no, id="no")
        settings = self.setup.settings
        proved = settings.challenge != "dns-01" or settings.dns_update is not None
        if settings.provider is not None and proved:
            yield WordedButton(msg("By hand"), id="hand")
        yield WordedButton(self.yes, id="yes", variant="primary")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """By hand needs nothing else to be filled in."""
        if event.button.id == "hand":
            event.stop()
            self.dismiss(self._chosen_provider(None))
        else:
            super().on_button_pressed(event)

    def result(self) -> Chosen:
        """The change to the company that stands there."""
        return self._chosen_provider(self.provider())

    def _chosen_provider(self, provider: DnsProvider | None) -> Chosen:
        change = change_provider(self.setup, provider)
        name = "none" if provider is None else provider.name
        known = company(name)
        value = (
            msg("by hand")
            if provider is None
            else msg("{name}", name=name)
            if known is None
            else known.title
        )
        says = msg("{what}: {value}", what=self.kind.title, value=value)
        typed = {name: text for name, text in self.typed.model_dump().items() if text}
        return Chosen(change, says, f"provider {name}", typed)

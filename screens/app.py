"""The app and its start page; the wizard's screens follow from here."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static

from assistant import __version__

_PAGE = """\
matrix-assistant {version}

A private messenger for people on both sides of the border,
on servers of your own.

  1  Outside only          people ──▶ server outside China
  2  Licensed inside       people ──▶ server in China ◀──▶ server outside
  3  Inside, no public DNS people ──▶ server in China (name only on your devices)
  4  Home proxy            people ──▶ home ──▶ cloud in China ◀──▶ server outside

Nothing has been changed on any server.

The questions are on their way to this page. Today, from a command line:

  matrix-assistant recommend --answers FILE   which of the four suits you
  matrix-assistant apply --answers FILE       set it up on your server
  matrix-assistant rehearse                   practise on this computer first

docs/cli.md in the source tells how an answers file looks.
"""


class AssistantApp(App[None]):
    """The program on the screen."""

    TITLE = "matrix-assistant"
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    #page { padding: 1 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        """The start page."""
        with VerticalScroll(id="page"):
            yield Static(_PAGE.format(version=__version__), markup=False)
        yield Footer()

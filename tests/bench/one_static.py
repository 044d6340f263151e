"""The smallest program Textual can draw: what the first page is measured against."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class OneStatic(App[None]):
    """One widget with one word."""

    def compose(self) -> ComposeResult:
        """Nothing else."""
        yield Static("Ready")


if __name__ == "__main__":
    OneStatic().run()

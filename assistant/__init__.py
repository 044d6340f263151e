"""The core of matrix-assistant: decisions, plans, remote work. Nothing here imports Textual."""

__version__ = "0.1.0"

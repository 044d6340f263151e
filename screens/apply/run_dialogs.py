"""What is asked before a run is stopped or taken back, and where its report goes."""

from __future__ import annotations

from assistant.text import msg
from screens.base.dialogs import Question


def stop_question() -> Question:
    """Whether to stop after the present step."""
    return Question(
        msg("Stop after this step?"),
        msg(
            "The step that is being worked on is finished first, so that nothing is left half"
            " done. What is set up stays, and you can go on later."
        ),
        msg("Stop after this step"),
        msg("Go on working"),
    )


def undo_question(name: str, part: str = "") -> Question:
    """Whether to take everything back; the name is typed, since this is not done by accident.

    ``part``: a host that can be taken back alone; the question then ends with what was typed.
    """
    if part:
        return Question(
            msg("Take back what was set up?"),
            msg(
                "Settings become what they were before. Databases, photos, keys and installed"
                " packages stay, so that nothing of value is lost. Type {name} to take everything"
                " back, or {part} for that machine alone: the servers then go on, and option 3 can"
                " follow.",
                name=name,
                part=part,
            ),
            msg("Take it back"),
            msg("Leave it as it is"),
            field="",
            wanted=(name, part),
        )
    return Question(
        msg("Take everything back?"),
        msg(
            "Settings become what they were before. Databases, photos, keys and installed packages"
            " stay on the server, so that nothing of value is lost. Type {name} to confirm.",
            name=name,
        ),
        msg("Take it back"),
        msg("Leave it as it is"),
        field="",
        wanted=(name,),
    )


def report_question(path: str) -> Question:
    """Where to save a report."""
    return Question(
        msg("Save a report"),
        msg(
            "It tells what was done on your servers and what they answered. There are no passwords"
            " in it, but the names and addresses of your servers are: give it only to someone you"
            " trust. Where shall it go?"
        ),
        msg("Save it"),
        msg("Cancel"),
        field=path,
    )

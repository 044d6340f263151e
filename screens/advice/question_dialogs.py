"""Two windows over a page: all answers so far, and why an option stands where it stands."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option as Entry

from assistant.advice.options import OPTIONS
from assistant.advice.recommendation import Recommendation
from assistant.answers import Answers, applicable, labels
from assistant.text import listed, msg
from screens.advice.stars import Standing
from screens.advice.story import facts, reasons
from screens.advice.story_lines import Story, StoryLine
from screens.base.page import worded_bindings
from screens.widgets.key_hints import KeyHints
from screens.widgets.words import Words, say


class QuestionDialog(ModalScreen[str | None]):
    """A window that gives back the question to go to, or None."""

    # The rules are for the windows made from this one, too.
    SCOPED_CSS = False

    CSS = """
    QuestionDialog { align: center middle; }
    QuestionDialog > Vertical {
        width: 90%; max-width: 84; height: auto; max-height: 100%;
        padding: 1 2; background: $surface; border: round $primary;
    }
    QuestionDialog .title { margin: 0; }
    QuestionDialog #answers-how { margin: 0 0 1 0; }
    QuestionDialog #why { height: auto; max-height: 1fr; margin: 1 0 0 0; }
    QuestionDialog OptionList, QuestionDialog OptionList:focus {
        height: auto; max-height: 1fr; border: none; padding: 0; background: transparent;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", str(msg("Close"))),
        Binding("f2,ctrl+l", "app.language", str(msg("中文 / English"))),
    ]

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The key hints in the present language."""
        return worded_bindings(self, super().active_bindings)

    def retell(self) -> None:
        """The key hints follow the language."""
        self.refresh_bindings()

    def action_close(self) -> None:
        """Close without going anywhere."""
        self.dismiss(None)


class AnswersDialog(QuestionDialog):
    """Every question that matters with its answer; choosing one goes to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", str(msg("Go to this question"))),
    ]

    def __init__(self, answers: Answers, question: str = "") -> None:
        super().__init__()
        self._answers = answers
        self._questions = applicable(answers)
        self._start = next(
            (place for place, item in enumerate(self._questions) if item.id == question), 0
        )

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical():
            yield Words(msg("All answers so far"), classes="title")
            yield Words(
                msg("Choose one to look at it again. The others stay as they are."),
                id="answers-how",
                classes="muted",
            )
            yield OptionList(*(Entry(self._entry(index)) for index in range(len(self._questions))))
        yield KeyHints()

    def on_mount(self) -> None:
        """Highlight the question one comes from."""
        entries = self.query_one(OptionList)
        entries.highlighted = self._start
        entries.focus()

    def _entry(self, index: int) -> Content:
        item = self._questions[index]
        value = self._answers.value(item.id)
        answer = say(self, listed(labels(item.id, value)))
        style = "$text-muted" if value is None else "$text-primary"
        return Content.assemble(say(self, item.text), "\n", (f"  {answer}", style))

    def retell(self) -> None:
        """Word the list again; the highlight stays."""
        super().retell()
        entries = self.query_one(OptionList)
        for index in range(len(self._questions)):
            entries.replace_option_prompt_at_index(index, self._entry(index))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go to the question."""
        event.stop()
        self.dismiss(self._questions[event.option_index].id)

    def action_go(self) -> None:
        """Go to the highlighted question."""
        self.query_one(OptionList).action_select()


class WhyDialog(QuestionDialog):
    """Why an option stands where it stands; choosing an answer goes to its question."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "close", str(msg("Close")), show=False),
        Binding("tab", "app.focus_next", str(msg("Answers it rests on"))),
    ]

    def __init__(self, advice: Recommendation, standing: Standing) -> None:
        super().__init__()
        self._advice, self._standing = advice, standing

    def compose(self) -> ComposeResult:
        """Title, standing, story."""
        option = OPTIONS[self._standing.option]
        with Vertical():
            yield Words("", id="why-title", classes="title")
            yield Words("", id="why-standing", classes=self._standing.style)
            with VerticalScroll(id="why"):
                yield Words(option.summary)
                ranked = self._advice.ranked(option.number)
                yield Story((*reasons(ranked), *facts(option.number)))
        yield KeyHints()

    def on_mount(self) -> None:
        """Word the title; the arrows scroll."""
        self.retell()
        self.query_one("#why").focus()

    def retell(self) -> None:
        """Word the title again."""
        super().retell()
        number = self._standing.option
        self.query_one("#why-title", Words).message = msg(
            "Option {number}: {title}", number=number, title=OPTIONS[number].title
        )
        self.query_one("#why-standing", Words).message = self._standing.words

    def on_story_line_picked(self, event: StoryLine.Picked) -> None:
        """Go to the question."""
        event.stop()
        self.dismiss(event.question)

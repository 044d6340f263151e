"""The questions, one at a time, with the four options reacting to each choice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from assistant.answers import (
    QUESTIONS,
    Answers,
    AnswerValue,
    Contradiction,
    Question,
    applicable,
    contradictions,
    next_question,
    question,
    relevant,
    with_answer,
)
from assistant.text import Message, msg
from assistant.wizard.steps import Step
from screens.advice.options_panel import OptionsPanel
from screens.advice.question_dialogs import AnswersDialog, WhyDialog
from screens.advice.stars import standings
from screens.advice.story import Line, answer_line
from screens.advice.story_lines import StoryLine
from screens.base.page import Page
from screens.widgets.choice_list import ChoiceList
from screens.widgets.words import Words

if TYPE_CHECKING:
    from assistant.wizard.draft import Draft

UNKNOWN = "unknown"


def question_to_show(draft: Draft) -> Question:
    """The question of a draft, if it still applies; else the first open one; else the last."""
    asked = applicable(draft.answers)
    for item in asked:
        if item.id == draft.question:
            return item
    return next_question(draft.answers) or asked[-1]


def question_after(answers: Answers, question_id: str) -> Question | None:
    """The open question that comes next, those after this one first; None when all are answered.

    What was answered before is passed over: after a look back one is soon where one was.
    """
    items = applicable(answers)
    place = next((n for n, item in enumerate(items) if item.id == question_id), -1)
    for item in (*items[place + 1 :], *items[: place + 1]):
        if item.id != question_id and answers.value(item.id) is None:
            return item
    return None


def question_before(answers: Answers, question_id: str) -> Question | None:
    """The question before this one; None at the first."""
    asked = {item.id for item in applicable(answers)}
    found = None
    for item in QUESTIONS:
        if item.id == question_id:
            return found
        if item.id in asked:
            found = item
    return found


class QuestionsPage(Page):
    """One question, its choices, and what they do to the options."""

    step: ClassVar[Step | None] = Step.QUESTIONS
    help_text: Message = msg(
        "Answer one question at a time. Nothing is installed or sent anywhere while you answer."
        "\n\n"
        "Up and Down move, Enter takes the highlighted answer and goes on. A number or Space marks"
        " an answer without going on. Escape goes back one question; your answers stay."
        "\n\n"
        "f: how to find out the answer. a: all answers so far, to change any of them. o: the four"
        " options; Enter on one shows why it stands where it stands."
        "\n\n"
        "The stars: Lasts is how hard an option is to block or to close, Fast how quick it is for"
        " people in China, Easy how little people must set up. Three stars are best."
    )
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-tall")]  # noqa: RUF012 - as the base declares it
    CSS = """
    QuestionsPage #body { padding: 0; overflow: hidden; }
    QuestionsPage #asking { padding: 0 2; height: 1fr; }
    QuestionsPage #question { margin: 0 0 1 0; }
    QuestionsPage #why { margin: 0 0 1 0; }
    QuestionsPage #detail, QuestionsPage #find-out, QuestionsPage #clash { margin: 1 0 0 0; }
    QuestionsPage.-low #options { padding: 0 1; }
    QuestionsPage.-wide #body { layout: horizontal; }
    QuestionsPage.-wide #asking { width: 1fr; height: 100%; padding: 1 2; }
    QuestionsPage.-wide #options { width: 48; height: 100%; padding: 1 2 0 0; }
    QuestionsPage.-low #question, QuestionsPage.-low #why { margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"number({n})", show=False) for n in range(1, 10)),
        Binding("c", "other", str(msg("The other question"))),
        Binding("f", "find_out", str(msg("Find out"))),
        Binding("a", "answers", str(msg("Answers"))),
        Binding("o", "options", str(msg("Why"))),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._question = question_to_show(draft)
        self._finding_out = False
        self._told: tuple[Message | None, bool] | None = None

    def body(self) -> ComposeResult:
        """The question, and the options beside or below it."""
        with VerticalScroll(id="asking", can_focus=False):
            yield Words("", id="progress", classes="muted")
            yield Words("", id="question", classes="title")
            yield Words("", id="why")
            yield ChoiceList(id="choices")
            yield Words("", id="detail", classes="muted")
            yield Words("", id="find-out")
            yield StoryLine(id="clash")
            yield StoryLine(id="clash-other")
            yield StoryLine(id="clash-hint")
        yield OptionsPanel(id="options")

    def on_mount(self) -> None:
        """The question to begin with; the keys belong to the choices."""
        self._show_question(self._question)

    # -- what is shown ---------------------------------------------------------

    @property
    def _choices(self) -> ChoiceList:
        return self.query_one("#choices", ChoiceList)

    def _saved(self) -> tuple[str, ...]:
        """What was answered to this question, as a tuple."""
        value = self.draft.answers.value(self._question.id)
        return () if value is None else (value,) if isinstance(value, str) else tuple(value)

    def _taken(self) -> tuple[str, ...]:
        """What Enter would take: the highlighted choice, or all that are marked."""
        choices = self._choices
        if self._question.multi and choices.marked:
            return choices.marked
        return (choices.value,)

    def _answers_with(self, taken: tuple[str, ...]) -> Answers:
        value: AnswerValue = (taken or None) if self._question.multi else taken[0]
        return with_answer(self.draft.answers, self._question.id, value)

    def _clash(self) -> Contradiction | None:
        """A contradiction of the answer that is there, while it is the one that is highlighted."""
        if self._taken() != self._saved():
            return None
        return next(
            (c for c in contradictions(self.draft.answers) if self._question.id in c.questions),
            None,
        )

    def _show_question(self, item: Question) -> None:
        self._question = item
        self._finding_out = False
        self.draft = self.draft.model_copy(update={"question": item.id})
        self.query_one("#question", Words).message = item.text
        self.query_one("#why", Words).message = item.why
        self._choices.show(item, self._saved())
        self._choices.focus()
        self.query_one("#asking").scroll_home(animate=False)
        self._show_rest()

    def _show_rest(self) -> None:
        """Everything that depends on what is highlighted or was chosen."""
        answers = self.draft.answers
        asked = applicable(answers)
        place = next((n for n, item in enumerate(asked, 1) if item.id == self._question.id), 1)
        self.query_one("#progress", Words).message = msg(
            "Question {number} of about {total}", number=place, total=len(asked)
        )
        choice = self._question.choices[self._choices.highlighted]
        self._tell("#detail", choice.note)
        finding_out = self._finding_out or choice.value == UNKNOWN
        self._tell("#find-out", self._question.find_out if finding_out else None)
        self._tell_clash()
        before, now = standings(answers), standings(self._answers_with(self._taken()))
        heading = msg("Your options so far")
        if self._taken() != self._saved():
            heading = msg("With this answer")
        self.query_one("#options", OptionsPanel).show(heading, now, before)
        self._word_primary()

    def _tell(self, selector: str, message: Message | None) -> None:
        words = self.query_one(selector, Words)
        words.display = message is not None
        words.message = message or ""

    def _tell_clash(self) -> None:
        """Two answers that do not fit together, and what can be done about it."""
        clash = self._clash()
        why, hint = self.query_one("#clash", StoryLine), self.query_one("#clash-hint", StoryLine)
        other = self.query_one("#clash-other", StoryLine)
        if clash is None:
            for line in (why, other, hint):
                line.show(None)
            return
        why.show(Line("notice", clash.message))
        second = self._other(clash)
        other.show(answer_line(second, self.draft.answers.value(second)))
        hint.show(Line("muted", msg("Enter keeps both. c goes to the other question.")))

    def _other(self, clash: Contradiction) -> str:
        first, second = clash.questions
        return second if first == self._question.id else first

    def _scroll_to_detail(self) -> None:
        """What is told below the choices is seen, and so is the highlighted choice."""
        for selector in ("#detail", "#find-out", "#clash-hint"):
            words = self.query_one(selector)
            if words.display:
                words.scroll_visible(animate=False)
        self.call_after_refresh(self._choices.show_highlighted)

    @property
    def primary(self) -> Message | None:
        """What Enter does."""
        if not self.is_mounted:
            return msg("Next question")
        if self._clash() is not None:
            return msg("Keep both and go on")
        taken = self._taken()
        if question_after(self._answers_with(taken), self._question.id) is None:
            return msg("See the advice")
        if taken == (UNKNOWN,):
            return msg("Go on without knowing")
        return msg("Next question")

    def _word_primary(self) -> None:
        """The button and the hints; they are left alone while they would say the same."""
        told = (self.primary, self._clash() is not None)
        if told != self._told:
            self._told = told
            super().retell()

    def retell(self) -> None:
        """Word everything again; question, highlight and marks stay."""
        self._told = None
        self._show_rest()

    # -- answering -------------------------------------------------------------

    def current(self) -> Draft:
        """The draft with the answers given so far and the question on screen."""
        return self.draft

    def _keep(self, taken: tuple[str, ...]) -> None:
        """Keep an answer; what was decided from other answers no longer counts."""
        answers = self._answers_with(taken)
        update: dict[str, Any] = {"question": self._question.id, "answers": answers}
        if answers != self.draft.answers:
            update |= {"option": None, "acknowledged": ""}
        self.draft = self.draft.model_copy(update=update)
        self.assistant.keep(self.draft)

    def on_choice_list_pointed(self, event: ChoiceList.Pointed) -> None:
        """The options react to what is highlighted."""
        event.stop()
        self._show_rest()
        self.call_after_refresh(self._scroll_to_detail)

    def on_choice_list_marked(self, event: ChoiceList.Marked) -> None:
        """A choice was made without going on."""
        event.stop()
        if event.question.id != self._question.id:
            return  # Enter was quicker, and has kept it
        self._keep(self._choices.marked)
        self._show_rest()
        self.call_after_refresh(self._scroll_to_detail)

    def action_enter(self) -> None:
        """Enter takes the highlighted answer; on the options it shows why."""
        if isinstance(self.focused, OptionsPanel):
            self.focused.action_select()
        elif isinstance(self.focused, StoryLine):
            self.focused.action_pick()
        else:
            super().action_enter()

    def action_primary(self) -> None:
        """Take the highlighted answer and go on, unless it does not fit to another one."""
        told = self._clash()
        taken = self._taken()
        self._keep(taken)
        if not self._question.multi:
            self._choices.marked = taken
        if told is None and self._clash() is not None:
            self._choices.show(self._question, taken)
            self._show_rest()
            self.call_after_refresh(self._scroll_to_detail)
            return
        following = question_after(self.draft.answers, self._question.id)
        if following is None:
            self.post_message(self.Next(self.current()))
        else:
            self._go(following)

    def _go(self, item: Question) -> None:
        self._show_question(item)
        self.assistant.keep(self.draft)

    def action_back(self) -> None:
        """The question before; before the first one, the start page."""
        before = question_before(self.draft.answers, self._question.id)
        if before is None:
            super().action_back()
        else:
            self._go(before)

    # -- keys ------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Changing the other answer is offered while there is a contradiction."""
        if action == "other":
            return self.is_mounted and self._clash() is not None
        return super().check_action(action, parameters)

    def action_number(self, number: int) -> None:
        """Choose by number."""
        self._choices.focus()
        self._choices.choose_number(number)

    def action_find_out(self) -> None:
        """Show or hide how to find out."""
        self._finding_out = not self._finding_out
        self._show_rest()
        self.call_after_refresh(self._scroll_to_detail)

    def action_other(self) -> None:
        """To the other of two answers that do not fit together."""
        clash = self._clash()
        if clash is not None:
            self._jump(self._other(clash))

    def action_page(self, by: int) -> None:
        """Scroll the question."""
        asking = self.query_one("#asking")
        asking.scroll_page_down() if by > 0 else asking.scroll_page_up()

    def action_options(self) -> None:
        """To the options, or back to the choices."""
        panel = self.query_one("#options", OptionsPanel)
        (self._choices if panel.has_focus else panel).focus()

    def action_answers(self) -> None:
        """All answers so far."""
        self.app.push_screen(AnswersDialog(self.draft.answers, self._question.id), self._jump)

    def on_options_panel_selected(self, event: OptionsPanel.Selected) -> None:
        """Why an option stands where it stands, with the answer that is highlighted."""
        event.stop()
        from assistant.advice.recommendation import recommend

        answers = relevant(self._answers_with(self._taken()))
        standing = standings(answers)[event.option - 1]
        self.app.push_screen(WhyDialog(recommend(answers), standing), self._jump)

    def on_story_line_picked(self, event: StoryLine.Picked) -> None:
        """To the other of two answers that do not fit together."""
        event.stop()
        self._jump(event.question)

    def _jump(self, question_id: str | None) -> None:
        """To a question that was chosen in a window; one that does not apply is shown all the same.

        The second happens with two answers that do not fit together: the older one may be about
        something that no longer matters, and it can still be the one that is wrong.
        """
        if question_id is not None:
            self._go(question(question_id))

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """The keys of this page, for the palette."""
        yield msg("How to find out"), msg("How to answer this question"), self.action_find_out
        yield msg("All answers"), msg("See them, change any"), self.action_answers
        yield msg("Options: why"), msg("Why each option stands where it is"), self.action_options
        yield msg("Back"), msg("To the question before"), self.action_back

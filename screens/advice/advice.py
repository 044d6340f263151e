"""The advice: the first choice drawn and explained, and the others beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Input

from assistant.advice.options import OPTIONS, Topology, acknowledged
from assistant.advice.ranking import Verdict
from assistant.advice.recommendation import Recommendation, recommend
from assistant.answers import relevant
from assistant.common.errors import AssistantError
from assistant.setup.history import ever_applied
from assistant.text import Message, msg
from assistant.text.sanitize import clean_text
from assistant.wizard.draft_to_setup import with_option
from assistant.wizard.steps import Step
from screens.advice.option_drawing import BORDER, draw
from screens.advice.options_panel import OptionsPanel
from screens.advice.question_dialogs import AnswersDialog
from screens.advice.stars import SHORT_TITLES, Standing, standings
from screens.advice.story import Line, told
from screens.advice.story_lines import Story, StoryLine
from screens.base.page import Page
from screens.widgets.words import Words, say

if TYPE_CHECKING:
    from assistant.setup.model import Setup
    from assistant.wizard.draft import Draft
    from screens.services.protocol import Services


def stand_in(advice: Recommendation, option: int) -> int | None:
    """The option to go on with when this one cannot be chosen; None: there is none."""
    for item in advice.ranking:
        if item.option != option and item.verdict is not Verdict.RULED_OUT:
            return item.option
    return None


def running(services: Services, name: str) -> Setup | None:
    """The saved setup of that name when it was applied already; None: nothing runs that we know."""
    if not name:
        return None
    try:
        setup = services.load_setup(name)
    except AssistantError:
        return None  # the page that saves says what is wrong with it
    return setup if ever_applied(setup) else None


class Drawing(Widget):
    """The picture of an option, as wide as there is room."""

    DEFAULT_CSS = "Drawing { height: auto; width: 1fr; margin: 1 0 0 0; }"

    def __init__(self, topology: Topology) -> None:
        super().__init__()
        self._topology = topology

    def show(self, topology: Topology) -> None:
        """Another picture."""
        self._topology = topology
        self.refresh(layout=True)

    def retell(self) -> None:
        """Draw it with the words of the present language."""
        self.refresh(layout=True)

    def _lines(self, width: int) -> tuple[str, ...]:
        return draw(self._topology, width, lambda message: say(self, message))

    def render(self) -> Content:
        """The lines; the border stands out a little."""
        drawing = Content("\n".join(self._lines(self.content_size.width)))
        return drawing.highlight_regex(f"[{BORDER}┄]+", style="$text-warning")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the picture has."""
        return len(self._lines(width))


class AdvicePage(Page):
    """What the answers lead to; any option can be looked at, those that fit can be chosen."""

    step: ClassVar[Step | None] = Step.ADVICE
    help_text: Message = msg(
        "This is what your answers lead to. 1, 2, 3 and 4 show the other options: how each is"
        " built, what speaks for and against it, and why it is ruled out if it is."
        "\n\n"
        "Up and Down scroll. Tab goes through the answers that the advice rests on; Enter on one"
        " goes to its question, and your other answers stay. a shows all answers."
        "\n\n"
        "In the picture an arrow points from who connects to who answers. The words beside it say"
        " where the name of the server is known. The dotted line is the border filter."
    )
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-tall")]  # noqa: RUF012 - as the base declares it
    CSS = """
    AdvicePage #body { padding: 0; overflow: hidden; }
    AdvicePage #advice-scroll { padding: 0 2; height: 1fr; }
    AdvicePage #advice-title { margin: 0; }
    AdvicePage #acknowledge { height: auto; margin: 1 0 0 0; }
    AdvicePage #acknowledge-text { text-style: bold; }
    AdvicePage #later { margin: 1 0 0 0; }
    AdvicePage.-low #options { padding: 0 1; }
    AdvicePage.-wide #body { layout: horizontal; }
    AdvicePage.-wide #advice-scroll { width: 1fr; height: 100%; padding: 1 2; }
    AdvicePage.-wide #options { width: 48; height: 100%; padding: 1 2 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "look(1)", str(msg("Options")), key_display="1-4"),
        *(Binding(str(number), f"look({number})", show=False) for number in (2, 3, 4)),
        Binding("a", "answers", str(msg("Answers"))),
        Binding("tab", "app.focus_next", str(msg("Why"))),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        answers = relevant(draft.answers)
        self._advice = recommend(answers)
        self._standings = standings(answers)
        self._option: int = draft.option or self._advice.first
        self._serves: Setup | None = None

    def body(self) -> ComposeResult:
        """The option that is looked at, and all four beside or below it."""
        with VerticalScroll(id="advice-scroll", can_focus=True):
            yield Words("", id="advice-title", classes="title")
            yield Words("", id="advice-standing")
            yield Words("", id="advice-words")
            yield StoryLine(id="later")
            yield Drawing(OPTIONS[self._option].topology)
            yield Story(told(self._advice, self._option), id="story")
            with Vertical(id="acknowledge"):
                yield Words("", id="acknowledge-why")
                yield Words("", id="acknowledge-text")
                yield Input(id="acknowledge-input", select_on_focus=False)
                yield StoryLine(id="acknowledge-answer")
        yield OptionsPanel(always_marked=True, id="options")

    def on_mount(self) -> None:
        """The first choice, or what was chosen before."""
        self._serves = running(self.assistant.services, self.draft.setup)
        self._show()

    # -- what is shown ---------------------------------------------------------

    @property
    def _standing(self) -> Standing:
        return self._standings[self._option - 1]

    @property
    def _ruled_out(self) -> bool:
        return self._standing.verdict is Verdict.RULED_OUT

    @property
    def _cannot_follow(self) -> Message | None:
        """Why the service that runs cannot become the option that is looked at."""
        present = self._serves
        if present is None:
            return None
        # it brings all that plans are made of: only where there is a service already
        from assistant.change.limits import POSSIBLE, impossible

        if self._option in (present.option, *POSSIBLE[present.option]):
            return None
        return impossible(present, self._option)

    @property
    def _barred(self) -> bool:
        """Whether one cannot go on with the option that is looked at."""
        return self._ruled_out or self._cannot_follow is not None

    @property
    def _asks(self) -> bool:
        """Whether the option that is looked at wants an acknowledgement typed."""
        return OPTIONS[self._option].acknowledgement is not None and not self._barred

    @property
    def _accepted(self) -> bool:
        """Whether nothing needs to be typed, or the right words were."""
        return not self._asks or (
            self.draft.option == self._option
            and acknowledged(self._option, self.draft.acknowledged)
        )

    async def _look(self, option: int) -> None:
        """Show an option; nothing is chosen by that."""
        self._option = option
        self._show()
        await self.query_one("#story", Story).show(told(self._advice, option))

    def _show(self) -> None:
        """Everything about the option but its story."""
        option = self._option
        self.query_one(Drawing).show(OPTIONS[option].topology)
        self.query_one("#acknowledge").display = self._asks
        self.query_one("#acknowledge-answer", StoryLine).show(None)
        entry = self.query_one("#acknowledge-input", Input)
        entry.value = clean_text(self.draft.acknowledged) if self.draft.option == option else ""
        panel = self.query_one("#options", OptionsPanel)
        panel.show(msg("All four options"), self._standings)
        panel.look_at(option)
        self.retell()
        scroll = self.query_one("#advice-scroll")
        scroll.scroll_home(animate=False)
        if not panel.has_focus:
            scroll.focus()

    def retell(self) -> None:
        """Word everything again; the option that is looked at and what was typed stay."""
        super().retell()
        if not self.query("#advice-title"):
            return
        option = OPTIONS[self._option]
        first = self._option == self._advice.first
        self.query_one("#advice-title", Words).message = (
            msg("Our advice is option {number}: {title}", number=self._option, title=option.title)
            if first
            else msg("Option {number}: {title}", number=self._option, title=option.title)
        )
        standing = self.query_one("#advice-standing", Words)
        standing.display = not first
        standing.message = self._standing.words
        standing.set_classes(self._standing.style)
        self.query_one("#advice-words", Words).message = (
            self._advice.advice if first else option.summary
        )
        later = self._later_words()
        self.query_one("#later", StoryLine).show(Line("notice", later) if later else None)
        if option.acknowledgement is not None:
            self.query_one("#acknowledge-why", Words).message = msg(
                "If you want this option all the same, type this sentence:"
            )
            self.query_one("#acknowledge-text", Words).message = option.acknowledgement

    def _later_words(self) -> Message | None:
        """Why one cannot go on with the option that is looked at, and what can be done instead."""
        if (why := self._cannot_follow) is not None and self._serves is not None:
            return msg(
                "Your service runs as option {number} and cannot become this one. {why}",
                number=self._serves.option,
                why=why,
            )
        if not self._ruled_out:
            return None
        if self._serves is not None and self._serves.option == self._option:
            return msg(
                "Your service runs as this option and can stay so, but with these answers we would"
                " not advise it today. Below you see which answer speaks against it."
            )
        return msg(
            "It cannot be chosen with your answers. Below you see which answer rules it out:"
            " change that one, and it comes back."
        )

    # -- going on --------------------------------------------------------------

    @property
    def _way_on(self) -> int | None:
        """The option that one goes on with from here."""
        if not self._barred:
            return self._option
        if self._serves is not None:
            return self._serves.option
        return stand_in(self._advice, self._option)

    @property
    def primary(self) -> Message | None:
        """What Enter does; the words name the option that one goes on with."""
        if not self._accepted:
            return msg("Accept the risks of option {number}", number=self._option)
        option = self._way_on
        if option is None:
            return None
        return msg("Go on with option {number}", number=option)

    def action_enter(self) -> None:
        """Enter goes on; on an answer it goes to that question."""
        if isinstance(self.focused, StoryLine):
            self.focused.action_pick()
        elif isinstance(self.focused, OptionsPanel):
            self.query_one("#advice-scroll").focus()
        else:
            super().action_enter()

    def action_primary(self) -> None:
        """Take the acknowledgement if one is wanted; then go on with what the button names."""
        if not self._accepted:
            self._accept()
            return
        option = self._way_on
        if option is None:
            return
        typed = self.draft.acknowledged if option == self.draft.option else ""
        chosen = with_option(self.draft, option)
        self.draft = chosen.model_copy(update={"acknowledged": typed})
        self.post_message(self.Next(self.current()))

    def _accept(self) -> None:
        """The typed sentence, when it is right; else what is missing."""
        entry = self.query_one("#acknowledge-input", Input)
        answer = self.query_one("#acknowledge-answer", StoryLine)
        if not acknowledged(self._option, entry.value):
            missing = (
                msg("This is not the sentence yet. Please type it exactly as it stands above.")
                if entry.value.strip()
                else msg("First read what you should know, then type the sentence above.")
            )
            answer.show(Line("notice", missing))
            entry.focus()
            self.call_after_refresh(answer.scroll_visible, animate=False)
            return
        self.draft = with_option(self.draft, self._option).model_copy(
            update={"acknowledged": " ".join(entry.value.split())}
        )
        self.post_message(self.Next(self.current()))

    # -- keys ------------------------------------------------------------------

    async def action_look(self, option: int) -> None:
        """Look at an option."""
        await self._look(option)

    async def on_options_panel_pointed(self, event: OptionsPanel.Pointed) -> None:
        """Look at the option that is marked."""
        event.stop()
        await self._look(event.option)

    async def on_options_panel_selected(self, event: OptionsPanel.Selected) -> None:
        """Look at the option that was clicked."""
        event.stop()
        await self._look(event.option)

    def on_story_line_picked(self, event: StoryLine.Picked) -> None:
        """To the question whose answer was chosen."""
        event.stop()
        self._ask_again(event.question)

    def action_answers(self) -> None:
        """All answers, to change any."""
        self.app.push_screen(AnswersDialog(self.draft.answers), self._ask_again)

    def _ask_again(self, question_id: str | None) -> None:
        if question_id is not None:
            self.assistant.go_to(
                self.draft.model_copy(update={"step": Step.QUESTIONS, "question": question_id})
            )

    def action_back(self) -> None:
        """Out of the field first, then to the questions."""
        if isinstance(self.focused, Input):
            self.query_one("#advice-scroll").focus()
        else:
            super().action_back()

    def action_page(self, by: int) -> None:
        """Scroll."""
        scroll = self.query_one("#advice-scroll")
        scroll.scroll_page_down() if by > 0 else scroll.scroll_page_up()

    def commands(self) -> Iterable[tuple[Message, Message, Any]]:
        """The keys of this page, for the palette."""
        for number in sorted(OPTIONS):
            yield (
                msg("Look at option {number}", number=number),
                SHORT_TITLES[number],
                _Look(self, number),
            )
        yield msg("Answers"), msg("See them, change any"), self.action_answers
        yield msg("Back"), msg("To the questions"), self.action_back


class _Look:
    """A palette entry that looks at an option."""

    def __init__(self, page: AdvicePage, option: int) -> None:
        self._page, self._option = page, option

    async def __call__(self) -> None:
        await self._page.action_look(self._option)

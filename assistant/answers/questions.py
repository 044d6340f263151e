"""The questions as a table: the words, the choices, and when a question matters at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assistant.answers.model import (
    Answers,
    Consequence,
    HomeLine,
    MainlandServer,
    Operator,
    People,
    YesNoUnknown,
)
from assistant.text import Message, msg


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One possible answer: its ``value`` in :class:`Answers`, its label, and a note or ``None``."""

    value: str
    label: Message
    note: Message | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question. ``id`` is the field of :class:`Answers` that holds the answer.

    ``why`` says what the answer decides, ``find_out`` how to find the answer, ``multi`` that
    several choices may be true at once. ``applies`` tells from the answers so far whether the
    question can still change anything.
    """

    id: str
    text: Message
    why: Message
    find_out: Message
    choices: tuple[Choice, ...]
    multi: bool = False
    applies: Callable[[Answers], bool] = lambda _: True

    @property
    def values(self) -> tuple[str, ...]:
        """The values of all choices, in the order they are shown."""
        return tuple(choice.value for choice in self.choices)

    @property
    def unknown(self) -> bool:
        """Whether "I don't know" is an honest answer here."""
        return "unknown" in self.values

    def choice(self, value: str) -> Choice:
        """The choice with a value; ``KeyError`` when there is none."""
        for choice in self.choices:
            if choice.value == value:
                return choice
        raise KeyError(value)


def _inside(answers: Answers) -> bool:
    """Whether anything inside mainland China can matter."""
    return answers.people is not People.NONE_INSIDE


def _server_there(answers: Answers) -> bool:
    return _inside(answers) and answers.mainland_server is not MainlandServer.NO


def _unlicensed_thinkable(answers: Answers) -> bool:
    return _server_there(answers) and answers.consequence is not Consequence.NONE


def _home_thinkable(answers: Answers) -> bool:
    return _unlicensed_thinkable(answers) and answers.operator is not Operator.NOBODY_INSIDE


def _line_usable(answers: Answers) -> bool:
    return _home_thinkable(answers) and answers.home_line not in (HomeLine.NONE, HomeLine.CGNAT)


_DONT_KNOW = msg("I don't know: tell me how to find out")


def _unknown(note: Message | None = None) -> Choice:
    return Choice(value="unknown", label=_DONT_KNOW, note=note)


QUESTIONS: tuple[Question, ...] = (
    Question(
        id="people",
        text=msg("Where are the people who will write to each other?"),
        why=msg(
            "Messages that cross the border are slower and sometimes get stuck. Where most people "
            "are decides on which side of the border the server should be."
        ),
        find_out=msg(
            "Count the people on each side. Hong Kong, Macau and Taiwan count as outside: their "
            "internet is not behind the border filter."
        ),
        choices=(
            Choice(value="mostly_inside", label=msg("Most are in mainland China")),
            Choice(value="both", label=msg("About as many inside as outside")),
            Choice(value="mostly_outside", label=msg("Most are outside mainland China")),
            Choice(
                value="none_inside",
                label=msg("Nobody is in mainland China"),
                note=msg("Then most of the questions about China fall away."),
            ),
        ),
    ),
    Question(
        id="mainland_server",
        text=msg("Is there a server in a cloud in mainland China that you can use?"),
        why=msg(
            "Options 2, 3 and 4 each need one. Cloud companies there rent only to people and "
            "companies that show their real name."
        ),
        find_out=msg(
            "Look at the region in the console of your cloud company: Beijing, Shanghai, Hangzhou, "
            "Guangzhou or Shenzhen are inside. Hong Kong and Singapore are outside, also when the "
            "company is Chinese."
        ),
        choices=(
            Choice(value="yes", label=msg("Yes")),
            Choice(
                value="could",
                label=msg("Not yet, but we could rent one"),
                note=msg("Somebody must open the account under their real name."),
            ),
            Choice(value="no", label=msg("No")),
            _unknown(),
        ),
        applies=_inside,
    ),
    Question(
        id="operator",
        text=msg("Who in mainland China would answer for the service?"),
        why=msg(
            "A server or a line there always belongs to somebody who is known by name, and that "
            "person or company is asked first when something is wrong. Options 2 and 4 cannot do "
            "without."
        ),
        find_out=msg(
            "Ask whose name is on the account of the cloud company and on the contract of the "
            "home line. That person must know and agree."
        ),
        choices=(
            Choice(value="company", label=msg("A company registered there")),
            Choice(value="individual", label=msg("A person with a mainland ID card")),
            Choice(
                value="other_inside",
                label=msg("Somebody who lives there without a mainland ID card"),
                note=msg("Whether that is enough for a filing, only the cloud company can tell."),
            ),
            Choice(value="nobody_inside", label=msg("Nobody there")),
            _unknown(),
        ),
        applies=_server_there,
    ),
    Question(
        id="filing",
        text=msg("Is there a filing (ICP 备案) for the domain you want to use?"),
        why=msg(
            "A server inside mainland China that answers under a domain name must be on file with "
            "the authorities (ICP 备案, a registration of the domain and of who runs it), or the "
            "cloud company cuts the name off. Option 2 stands and falls with it."
        ),
        find_out=msg(
            "Look the domain up at beian.miit.gov.cn, or in the filing section (备案) of your "
            "cloud company's console. It shows who filed and with which company."
        ),
        choices=(
            Choice(
                value="same_cloud",
                label=msg("Yes, with the company where the server is"),
            ),
            Choice(
                value="other_cloud",
                label=msg("Yes, with another company"),
                note=msg("The server's company then needs an access filing (接入备案) as well."),
            ),
            Choice(
                value="could",
                label=msg("No, but we could file"),
                note=msg("A filing names the operator and the true purpose of the service."),
            ),
            Choice(value="will_not", label=msg("No, and we will not file")),
            _unknown(),
        ),
        applies=lambda answers: (
            _server_there(answers) and answers.operator is not Operator.NOBODY_INSIDE
        ),
    ),
    Question(
        id="consequence",
        text=msg("What is the worst that may happen to the people in China because of this?"),
        why=msg(
            "Options 3 and 4 run a service without a filing on servers that are rented under "
            "somebody's real name. They are only for people who know that and accept it."
        ),
        find_out=msg(
            "Ask the people themselves, above all the one whose name is on the accounts. Nobody "
            "else can decide this for them. When in doubt, choose the first."
        ),
        choices=(
            Choice(value="none", label=msg("Nothing at all may happen to anybody")),
            Choice(value="service_lost", label=msg("The service may be lost, nothing more")),
            Choice(
                value="questioned",
                label=msg("Somebody may be asked to explain themselves"),
                note=msg("By the cloud company, the internet provider, or the authorities."),
            ),
        ),
        applies=_server_there,
    ),
    Question(
        id="device_records",
        text=msg("Can every phone and computer inside China be given a setting by hand?"),
        why=msg(
            "In option 3 the server's name is in no public directory. Each device, or the router "
            "it is behind, must be told the address, and told again when the address changes."
        ),
        find_out=msg(
            "Think of the person you can help least: could you, or somebody near them, change a "
            "network setting on their phone? Phones on mobile data are not behind a home router."
        ),
        choices=(
            Choice(value="yes", label=msg("Yes, every one of them")),
            Choice(value="no", label=msg("No, not all of them")),
            _unknown(),
        ),
        applies=_unlicensed_thinkable,
    ),
    Question(
        id="home_line",
        text=msg("Is there a home broadband line in mainland China that could be reached?"),
        why=msg(
            "Option 4 lets people in through a home line. Many lines share one address among "
            "many homes (CGNAT): then nothing from outside gets through, except over IPv6."
        ),
        find_out=msg(
            "On that line, compare the address on the router's status page with the one that a "
            "site such as ip.cn shows. Different, or beginning with 100.64 to 100.127: CGNAT. An "
            "IPv6 address on the router beginning with 2 means IPv6 is there. The checks of this "
            "program test it for certain."
        ),
        choices=(
            Choice(value="public_ipv4", label=msg("Yes, it has its own public IPv4 address")),
            Choice(
                value="ipv6_only",
                label=msg("Yes, but only over IPv6"),
                note=msg("Everyone who connects then needs IPv6, too."),
            ),
            Choice(value="cgnat", label=msg("It shares its address (CGNAT) and has no IPv6")),
            Choice(value="none", label=msg("There is no such line")),
            _unknown(msg("The checks can test it later.")),
        ),
        applies=_home_thinkable,
    ),
    Question(
        id="port_forwarding",
        text=msg("Can the router on that line let connections in (port forwarding)?"),
        why=msg(
            "A home router turns away everything from outside unless it is told where to send it. "
            "Option 4 needs one high port forwarded."
        ),
        find_out=msg(
            "Open the router's page and look for port forwarding, virtual server (虚拟服务器) or "
            "端口映射. If the provider's modem is the router, ask the provider to open it "
            "or to set the modem to bridge mode (桥接)."
        ),
        choices=(
            Choice(value="yes", label=msg("Yes")),
            Choice(value="no", label=msg("No")),
            _unknown(),
        ),
        applies=_line_usable,
    ),
    Question(
        id="line_loss",
        text=msg("Could you bear it if the provider cut that home line?"),
        why=msg(
            "Most providers forbid servers on home lines. Lines have been cut for it. Then the "
            "whole household is without internet for a while."
        ),
        find_out=msg(
            "Ask the people who live there, and think of work, school and cameras on that line."
        ),
        choices=(
            Choice(value="yes", label=msg("Yes, that would be bearable")),
            Choice(value="no", label=msg("No")),
        ),
        applies=lambda answers: (
            _line_usable(answers) and answers.port_forwarding is not YesNoUnknown.NO
        ),
    ),
    Question(
        id="traffic",
        text=msg("What must work well?"),
        why=msg(
            "Text gets through even a slow line. Photos and calls across the border are what "
            "makes people give up in the evening."
        ),
        find_out=msg("Think of what the people send each other today."),
        choices=(
            Choice(value="text", label=msg("Text; a photo may take a while")),
            Choice(value="photos", label=msg("Text and many photos or files")),
            Choice(
                value="calls",
                label=msg("Voice and video calls as well"),
                note=msg(
                    "This program does not set up a call server yet: that is an extra for later."
                ),
            ),
        ),
    ),
    Question(
        id="skill",
        text=msg("How much have you done with servers before?"),
        why=msg(
            "Everything can be set up with this program's help, but options 3 and 4 have more "
            "parts, and when one breaks you look after it."
        ),
        find_out=msg("There is no wrong answer. When in doubt, choose the first."),
        choices=(
            Choice(value="beginner", label=msg("Little or nothing: this is my first server")),
            Choice(value="some", label=msg("I have rented servers and used SSH")),
            Choice(value="expert", label=msg("I look after servers, DNS and routers regularly")),
        ),
    ),
    Question(
        id="outage",
        text=msg("How long may the messenger be gone before it hurts?"),
        why=msg(
            "Any of the options can fail from one day to the next. Some take longer to bring back."
        ),
        find_out=msg("Think of what people would use instead meanwhile, and for how long."),
        choices=(
            Choice(value="hours", label=msg("A few hours at most")),
            Choice(value="day", label=msg("A day or two")),
            Choice(value="week", label=msg("A week would be bearable")),
        ),
    ),
    Question(
        id="phones",
        text=msg("Which phones do the people use?"),
        why=msg(
            "It decides how each person gets the app, and whether notifications arrive while the "
            "app is closed. It does not change which option suits you."
        ),
        find_out=msg(
            "On an iPhone: Settings, the name at the top, Media & Purchases shows the country of "
            "the account. On Android: if there is a working Play Store, it has Google."
        ),
        choices=(
            Choice(
                value="ios_mainland",
                label=msg("iPhone with an App Store account of mainland China"),
                note=msg(
                    "Element and FluffyChat are not in the mainland App Store: those people need "
                    "an account of another country."
                ),
            ),
            Choice(value="ios_foreign", label=msg("iPhone with an account of another country")),
            Choice(value="android_google", label=msg("Android with Google services")),
            Choice(
                value="android_no_google",
                label=msg("Android without Google services"),
                note=msg("The app must stay allowed to run in the background."),
            ),
            Choice(value="none", label=msg("No phones, computers only")),
            _unknown(),
        ),
        multi=True,
    ),
    Question(
        id="federation",
        text=msg("Whom should your servers talk to?"),
        why=msg(
            "Matrix servers can exchange messages with each other (federation). A closed circle "
            "is quieter and safer; an open one reaches friends on other Matrix servers."
        ),
        find_out=msg(
            "When in doubt, choose the first: it can be opened later with one setting, while "
            "what has been sent to others cannot be called back."
        ),
        choices=(
            Choice(value="own", label=msg("Only to each other (recommended)")),
            Choice(value="open", label=msg("To any Matrix server in the world")),
        ),
    ),
)
"""All questions, in the order they are asked."""

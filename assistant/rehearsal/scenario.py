"""What is wrong with a practice internet, as data: a TOML file, read strictly."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from assistant.common.frozen import Frozen
from assistant.rehearsal.errors import RehearsalError
from assistant.rehearsal.network.border import Border
from assistant.rehearsal.network.home_rules import Line

SHIPPED = Path(__file__).parent / "scenarios"

Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Milliseconds = Annotated[float, Field(ge=0, le=10_000)]


class BorderTable(Frozen):
    """The table [border]."""

    rtt_ms: Milliseconds = 0
    jitter_ms: Milliseconds = 0
    loss_percent: Annotated[float, Field(ge=0, le=100)] = 0


class HomeTable(Frozen):
    """The table [home]: the line to the home and its router."""

    closed_ports: tuple[Port, ...] = (80, 443)
    mtu: Annotated[int, Field(ge=1280, le=1500, strict=True)] = 1492
    mss_clamp: Annotated[bool, Field(strict=True)] = False
    pmtu_replies: Annotated[bool, Field(strict=True)] = True
    hairpin: Annotated[bool, Field(strict=True)] = True


class Scenario(Frozen):
    """One practice internet."""

    border: BorderTable = BorderTable()
    home: HomeTable = HomeTable()

    def border_value(self) -> Border:
        """For `Lab.start(border=…)`."""
        return Border(self.border.rtt_ms, self.border.jitter_ms, self.border.loss_percent)

    def line(self) -> Line:
        """For `Lab.home_line(line=…)`."""
        home = self.home
        return Line(home.closed_ports, home.mtu, home.mss_clamp, home.pmtu_replies, home.hairpin)


def read_scenario(path: Path) -> Scenario:
    """A scenario from a TOML file. Raises RehearsalError that says where it is wrong."""
    try:
        return Scenario.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise RehearsalError(f"The scenario {path} cannot be read.") from error
    except tomllib.TOMLDecodeError as error:
        raise RehearsalError(f"The scenario {path} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RehearsalError(f"The scenario {path} is wrong at {where}: {first['msg']}.") from error


def scenario_names() -> tuple[str, ...]:
    """The scenarios that come with the program."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def shipped_scenario(name: str) -> Scenario:
    """One of them. Raises RehearsalError for a name that is not among them."""
    if name not in scenario_names():
        known = ", ".join(scenario_names())
        raise RehearsalError(f"There is no scenario named {name}; there is {known}.")
    return read_scenario(SHIPPED / f"{name}.toml")

"""The pictures in the documentation are what the program shows today."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from docs.make_pictures import LANGUAGES, PICTURES, TABLE, Picture, drawn, main, path_of, tidied

DOCS = PICTURES.parent
WALKS = {"en": DOCS / "walkthrough.md", "zh": DOCS / "walkthrough.zh.md"}


@pytest.mark.parametrize("picture", TABLE, ids=lambda picture: picture.name)
def test_a_picture_is_current(picture: Picture) -> None:
    for language, svg in asyncio.run(drawn(picture)).items():
        path = path_of(picture.name, language)
        assert path.exists(), f"run: python docs/make_pictures.py {picture.name}"
        if path.read_text("utf-8") != svg:
            pytest.fail(f"{path.name} is not current; run: python docs/make_pictures.py")


def test_there_are_no_other_pictures() -> None:
    wanted = {path_of(picture.name, language) for picture in TABLE for language in LANGUAGES}
    assert set(PICTURES.iterdir()) == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_walkthrough_shows_every_picture_once_in_its_own_language(language: str) -> None:
    shown = re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", WALKS[language].read_text("utf-8"))
    assert sorted(shown) == sorted(f"{picture.name}.{language}.svg" for picture in TABLE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures_fetch_nothing_and_are_small(language: str) -> None:
    for picture in TABLE:
        path = path_of(picture.name, language)
        svg = path.read_text("utf-8")
        outside = re.findall(r"(?:url\(|href=|src=|@import)\s*[\"']?(?!#)([^\"')\s]+)", svg)
        assert not outside, path.name
        assert "@font-face" not in svg
        assert path.stat().st_size < 60_000, path.name


def test_links_of_the_walkthrough_lead_somewhere() -> None:
    for page in WALKS.values():
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_a_picture_that_is_not_current_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import docs.make_pictures as script

    monkeypatch.setattr(script, "PICTURES", tmp_path / "pictures")
    assert main(["--check", "proof"]) == 1
    assert "not current: proof.en.svg" in capsys.readouterr().out
    assert main(["proof"]) == 0
    assert main(["--check", "proof"]) == 0
    stale = script.path_of("proof", "zh")
    stale.write_text(stale.read_text("utf-8").replace("74", "75"), "utf-8")
    assert main(["--check", "proof"]) == 1


def test_generated_ids_and_fonts_are_taken_out_and_words_stay() -> None:
    svg = (
        '<g class="terminal-123-r1">\n@font-face {\n src: url("x");\n}\n'
        '<text class="terminal-9-a" x="1.23456">203.0.113.9</text>'
    )
    assert tidied(svg) == '<g class="t-r1">\n<text class="t-a" x="1.23">203.0.113.9</text>\n'
    shown = path_of("checks", "en").read_text("utf-8")
    assert "203.0.113.9" in shown

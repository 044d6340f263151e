"""What is written for people holds addresses and hidden names: only its owner reads it."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from assistant.common.atomic import write_private

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are those of Unix")


def test_a_new_file_is_its_owners_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    new, old = tmp_path / "new.md", tmp_path / "old.md"
    write_private(new, "im.family.example\n")
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    old.write_text("longer than what follows")
    old.chmod(0o644)
    write_private(old, "short")
    assert (old.read_text(), stat.S_IMODE(old.stat().st_mode)) == ("short", 0o644)

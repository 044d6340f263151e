"""What a run of the suite tells at its end."""

from __future__ import annotations

from tests.slowest import COUNT, table


def test_the_slowest_tests_and_what_their_files_take() -> None:
    seconds = {f"tests/a/test_x.py::test_{n}": float(n) for n in range(COUNT + 5)}
    lines = table({**seconds, "tests/b/test_y.py::test_long": 900.0})
    ends = lines.index("")
    assert lines[1:3] == [
        "   900.0  tests/b/test_y.py::test_long",
        f"    {COUNT + 4}.0  tests/a/test_x.py::test_{COUNT + 4}",
    ]
    assert ends == COUNT + 1
    assert lines[-2:] == ["   900.0  tests/b/test_y.py", "   595.0  tests/a/test_x.py"]
    assert lines[ends + 2 : ends + 4] == ["   900.0  tests/b", "   595.0  tests/a"]

"""A picture as text, and a shell's completion."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from mm_cli import main
from mm_cli.blocks import NotAPicture, drawn
from PIL import Image


def _picture(width: int, height: int) -> bytes:
    image = Image.new("RGB", (width, height), (200, 100, 50))
    image.paste((0, 0, 0), (0, height // 2, width, height))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_two_pixels_stand_in_a_character() -> None:
    lines = drawn(_picture(4, 4), 4).splitlines()
    assert len(lines) == 2
    assert lines[0].count("▀") == 4
    assert "\x1b[38;2;200;100;50m\x1b[48;2;200;100;50m▀" in lines[0]
    assert "\x1b[38;2;0;0;0m\x1b[48;2;0;0;0m▀" in lines[1]
    assert all(line.endswith("\x1b[0m") for line in lines)


def test_it_keeps_its_shape_within_the_terminal() -> None:
    assert len(drawn(_picture(400, 200), 100).splitlines()) == 25
    lines = drawn(_picture(100, 400), 100, rows=20).splitlines()
    assert len(lines) == 20
    assert lines[0].count("▀") == 10


def test_without_colours_it_is_drawn_by_brightness() -> None:
    text = drawn(_picture(8, 8), 8, colours=False)
    assert "\x1b" not in text
    assert text.splitlines()[0] == "=" * 8
    assert text.splitlines()[-1] == ""


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_told(content: bytes) -> None:
    with pytest.raises(NotAPicture, match="no picture"):
        drawn(content, 10)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_code(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["completion", shell]) == 0
    assert "mars" in capsys.readouterr().out


def test_a_shell_that_asks_gets_commands_and_options(tmp_path: Path) -> None:
    def completed(line: str) -> list[str]:
        output = tmp_path / "out"
        code = f"exec 8>{output} 9>/dev/null; exec {sys.executable} -m mm_cli.main"
        env = {"PATH": "/usr/bin:/bin", "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
               "_ARGCOMPLETE_IFS": "\n", "HOME": str(tmp_path), "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}  # fmt: skip
        subprocess.run(["bash", "-c", code], env=env, check=False, capture_output=True)
        return output.read_text().split()

    assert {"sql", "status", "show", "suspend"} <= set(completed("mars s"))
    assert completed("mars sq") == ["sql"]
    assert "--owner" in completed("mars sql --o")
    assert completed("mars questions lon") == ["longest-drives"]

"""What goes into images: checked jars, wheels for the image's own system, and a context without what is not needed."""

import hashlib
from pathlib import Path

import pytest
from mm_hack import app, images
from mm_hack.run import SetupError


def _jar(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n"


def test_jars_that_are_the_locked_ones_pass(tmp_path: Path) -> None:
    locked = _jar(tmp_path, "a-1.jar", b"a") + _jar(tmp_path, "b-2.jar", b"b")
    images.verify(tmp_path, locked)


def test_changed_missing_and_unexpected_jars_are_named(tmp_path: Path) -> None:
    locked = (
        _jar(tmp_path, "changed.jar", b"a") + _jar(tmp_path, "missing.jar", b"b") + _jar(tmp_path, "fine.jar", b"c")
    )
    (tmp_path / "changed.jar").write_bytes(b"evil")
    (tmp_path / "missing.jar").unlink()
    (tmp_path / "unexpected.jar").write_bytes(b"x")
    with pytest.raises(SetupError) as caught:
        images.verify(tmp_path, locked)
    for name in ("changed.jar", "missing.jar", "unexpected.jar"):
        assert name in str(caught.value)
    assert "fine.jar" not in str(caught.value)


def test_every_name_of_an_image_of_ours_is_removed_and_no_other() -> None:
    listing = (
        "sha256:1 martian-moments/minio:key\nsha256:1 minio/minio:RELEASE\nsha256:2 debian:bookworm-slim\n"
        "sha256:3 martian-moments/app:0.1.0\nsha256:2 minio/other:1\n\n"
    )
    expected = ["martian-moments/minio:key", "minio/minio:RELEASE", "martian-moments/app:0.1.0"]
    assert images.ours(listing) == expected
    assert images.ours("") == []


def test_the_last_builds_and_the_plain_name_are_kept() -> None:
    plain = app.plain_name()
    names = [f"{plain}-b", plain, f"{plain}-d", f"{plain}-a", f"{plain}-c", f"{app.NAME}:other"]
    assert app.older(names, f"{plain}-d") == [f"{plain}-c"]
    assert app.older([f"{plain}-d", plain], f"{plain}-d") == []


def test_wheels_for_a_newer_c_library_than_the_images_are_not_taken() -> None:
    platforms = app.platforms("amd64")
    assert platforms[0] == "manylinux_2_36_x86_64"
    assert "manylinux_2_17_x86_64" in platforms
    assert "manylinux2014_x86_64" in platforms
    assert not any("2_37" in platform for platform in platforms)
    assert all(platform.endswith("aarch64") for platform in app.platforms("arm64"))


def test_the_build_context_holds_what_is_built_in_and_nothing_else(tmp_path: Path) -> None:
    wheels = tmp_path / "house"
    wheels.mkdir()
    (wheels / "x-1-py3-none-any.whl").write_bytes(b"wheel")
    context = tmp_path / "context"
    context.mkdir()
    app.fill(context, "x==1\n", wheels)
    assert (context / "requirements.txt").read_text() == "x==1\n"
    assert (context / "wheels" / "x-1-py3-none-any.whl").read_bytes() == b"wheel"
    assert (context / "contracts" / "mm_contracts" / "plan.py").is_file()
    assert (context / "Dockerfile").is_file()
    names = {path.name for path in context.rglob("*")}
    assert not names & {"__pycache__", ".venv", ".git", ".mypy_cache", ".ruff_cache", "uv.lock"}
    assert not (context / "dbt" / "target").exists()
    assert not (context / "tests").exists()
    assert not (context / "hack").exists()


def test_pins_are_read_without_markers_and_hashes() -> None:
    locked = (
        "# a comment, with x==1 in it\ncertifi==2026.10.18 \\\n    --hash=sha256:ab==\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:cd\n"
    )
    assert app.pins(locked) == {"certifi==2026.10.18", "colorama==0.4.6"}

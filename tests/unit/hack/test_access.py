"""The way to the page, with a kubectl that says its lines and ends."""

import socket
from pathlib import Path

import pytest
from mm_hack import access
from mm_hack.access import show_dashboard, show_docs


def _kubectl(folder: Path, *lines: str) -> list[str]:
    script = folder / "kubectl"
    script.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines) + f'echo "$@" > {folder}/asked\n')
    script.chmod(0o755)
    return [str(script), "--namespace", "here"]


def test_the_address_is_printed_and_the_end_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kubectl = _kubectl(tmp_path, "Forwarding from 127.0.0.1:4711 -> 8000", "error: lost connection to pod")
    with pytest.raises(RuntimeError, match=r"lost connection to pod; run \./mars docs again"):
        show_docs(kubectl)
    assert "http://localhost:4711/" in capsys.readouterr().out
    asked = "--namespace here port-forward --address 127.0.0.1 svc/mars-docs :8000"
    assert (tmp_path / "asked").read_text().strip() == asked


def test_a_service_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kubectl = _kubectl(tmp_path, 'Error from server (NotFound): services "mars-docs" not found')
    with pytest.raises(RuntimeError, match="not found"):
        show_docs(kubectl, 8080)
    assert capsys.readouterr().out == ""


def test_the_dashboards_address_comes_with_the_token_where_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "kubectl"
    script.write_text(
        """#!/bin/sh
case "$*" in
  *"get secret mars-dashboard"*) echo '{"data": {"DASHBOARD_TOKEN": "b3Blbg=="}}';;
  *) echo "Forwarding from 127.0.0.1:4711 -> 8000"; echo "error: lost connection to pod";;
esac
"""
    )
    script.chmod(0o755)
    with pytest.raises(RuntimeError, match=r"run \./mars ui again"):
        show_dashboard([str(script)])
    said = capsys.readouterr().out
    assert "token open" in said
    assert "http://localhost:4711/" in said
    none = _kubectl(tmp_path, "Forwarding from 127.0.0.1:4711 -> 8000")
    Path(none[0]).write_text(
        '#!/bin/sh\n[ "$1 $2" = "get secret" ] && exit 1\necho "Forwarding from 127.0.0.1:4711 -> 8000"\n'
    )
    with pytest.raises(RuntimeError):
        show_dashboard([none[0]])
    assert "token" not in capsys.readouterr().out


def test_the_dashboard_is_where_the_demo_says_unless_somebody_listens_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "kubectl"
    script.write_text(
        f"""#!/bin/sh
[ "$1 $2" = "get secret" ] && exit 1
echo "Forwarding from 127.0.0.1:4711 -> 8000"
echo "$@" > {tmp_path}/asked
"""
    )
    script.chmod(0o755)

    def asked(local_port: int | None = None) -> str:
        with pytest.raises(RuntimeError):
            show_dashboard([str(script)], local_port)
        return (tmp_path / "asked").read_text().split()[-1]

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        monkeypatch.setattr(access, "UI_PORT", port)
        assert asked() == ":8000"
        assert asked(4711) == "4711:8000"
    assert asked() == f"{port}:8000"

"""A backup outlives the namespace with its volumes: what is brought back is loaded, and is what it was."""

from pathlib import Path

import pytest
from mm_contracts.keys import PHOTOS
from mm_hack import access, release

from tests.cluster.archive import archived, built, fingerprint, gaps, wait_quiet
from tests.cluster.conftest import NAMESPACE, free_port
from tests.cluster.system import System, wait_until

pytestmark = pytest.mark.long


def test_a_lost_namespace_comes_back_from_its_backup(
    system: System, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def mars(*arguments: str) -> str:
        code = access.run_command(arguments, NAMESPACE)
        said = capfd.readouterr()
        assert code == 0, said
        return str(said.out)

    wait_quiet(system)
    before, counts = fingerprint(system), archived(system)
    asked = set(system.sql("select schedule_id from bronze.schedule_ledger"))
    assert counts
    assert "objects copied" in mars("backup", str(tmp_path / "backup"))
    for service in ("warehouse", "simulator", "minio", "kafka", "dashboard"):
        system.forget_ports(service)
    system.forget_connection()
    release.uninstall(NAMESPACE)
    # Nothing is asked for before the backup is there: what the source has by now would come as well.
    quiet = ["--set", "schedule.onInstall=false", "--set", "schedule.suspend=true"]
    release.install(NAMESPACE, "tiny", [*quiet, "--set", f"kafka.embedded.forwardPort={free_port()}"])
    assert "objects brought back" in mars("restore", str(tmp_path / "backup"))
    wait_until(lambda: built(system) and archived(system) == counts, "the archive to be loaded anew", 900)
    wait_quiet(system)
    assert fingerprint(system) == before
    assert gaps(system) == []
    assert asked <= set(system.sql("select schedule_id from bronze.schedule_ledger"))
    objects = system.s3().list_objects_v2(Bucket="mars", Prefix=f"{PHOTOS}/")["KeyCount"]
    assert "0 objects brought back" in mars("restore", str(tmp_path / "backup"))
    assert system.s3().list_objects_v2(Bucket="mars", Prefix=f"{PHOTOS}/")["KeyCount"] == objects

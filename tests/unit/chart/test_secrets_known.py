"""What the chart gives to processes from Secrets is known to what hides secrets."""

from collections.abc import Callable

import pytest
from mm_contracts.redaction import SECRET_NAMES, SECRET_PREFIX

from .conftest import VARIANTS
from .objects import Object, containers, pod_templates
from .test_options import made_jobs

NO_SECRET = {"KAFKA_USERNAME", "SNOWFLAKE_USER", "WAREHOUSE_USER", "WAREHOUSE_READER_USER"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variable_of_a_secret_is_hidden(render: Callable[..., list[Object]], variant: str) -> None:
    objects = render(*VARIANTS[variant])
    found = {
        one["name"]
        for _, template in [*pod_templates(objects), *made_jobs(objects)]
        for container in containers(template)
        for one in container.get("env", [])
        if "secretKeyRef" in one.get("valueFrom", {}) and not one["name"].startswith("MINIO_")  # no process of ours
    }
    assert found
    unknown = {name for name in found - NO_SECRET if not name.startswith(SECRET_PREFIX)} - set(SECRET_NAMES)
    assert unknown == set()

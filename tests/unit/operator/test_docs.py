"""What the operator can be asked is written down."""

from pathlib import Path

from mm_contracts.reasons import DeadLetterReason
from mm_operator.metrics import REGISTRY

PAGE = Path(__file__).parents[3] / "docs" / "operator.md"


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    suffix = {"counter": "_total"}
    names = {f"{m.name}{suffix.get(m.type, '')}" for m in REGISTRY.collect() if m.name.startswith("mars_")}
    text = PAGE.read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `mars_")}
    assert rows == names


def test_every_dead_letter_reason_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for reason in DeadLetterReason:
        assert f"`{reason.value}`" in text

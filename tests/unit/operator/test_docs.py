"""What the operator can be asked is written down."""

from pathlib import Path

from mm_contracts.reasons import DeadLetterReason

PAGE = Path(__file__).parents[3] / "docs" / "operator.md"


def test_every_dead_letter_reason_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for reason in DeadLetterReason:
        assert f"`{reason.value}`" in text

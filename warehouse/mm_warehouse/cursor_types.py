"""What the dialect's statements need to know of the cursor that runs them."""

from __future__ import annotations

from typing import Any, Protocol


class CursorLike(Protocol):
    """A running session: its DuckDB connection and current names."""

    @property
    def duck(self) -> Any:
        """The DuckDB connection."""

    @property
    def database(self) -> str | None:
        """The current database."""

    @property
    def schema(self) -> str | None:
        """The current schema."""

    @property
    def table_stages(self) -> Any:
        """fakesnow's registry of tables' implicit stages."""

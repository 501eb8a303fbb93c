"""The configured sources (``sources.json``, mounted from a ConfigMap)."""

from typing import Literal

from pydantic import Field, model_validator

from mm_contracts.plan import Camel


class Source(Camel):
    """One place to fetch from. An API key is never part of it: it comes from a Secret, as ``SOURCE_API_KEY``."""

    kind: Literal["nasa-v1"] = "nasa-v1"
    base_url: str = Field(min_length=8, description="URL of the v1 API, without a trailing slash.")
    traverse_urls: dict[str, str] = Field(default_factory=dict, description="MMGIS traverse layer by rover name.")
    rovers: list[str] = Field(default_factory=lambda: ["Perseverance", "Curiosity", "Opportunity", "Spirit"])
    max_concurrency: int = Field(default=8, ge=1, le=256, description="Requests at a time, over all Jobs.")
    requests_per_hour: int | None = Field(
        default=None, ge=1, description="Requests an hour, over all Jobs; null is no limit."
    )
    timeout_seconds: float = Field(default=30, gt=0, le=600, description="Longest wait for one answer.")
    page_size: int | None = Field(
        default=None, ge=1, description="Ask page by page; null fetches a sol in one request."
    )
    api_key_secret: str | None = Field(default=None, description="Secret whose key api-key holds the API key.")


class Sources(Camel):
    """All configured sources and the default one's name."""

    default: str
    sources: dict[str, Source]

    @model_validator(mode="after")
    def _default_exists(self) -> "Sources":
        if self.default not in self.sources:
            raise ValueError(f"default source {self.default!r} is not among {', '.join(self.sources) or 'none'}")
        return self

    def pick(self, name: str) -> tuple[str, Source]:
        """Return (name, source) for a plan's ``source``; empty means the default.

        Raises:
            ValueError: no source of that name is configured.
        """
        wanted = name or self.default
        if wanted not in self.sources:
            raise ValueError(f"no source named {wanted!r} is configured: use one of {', '.join(self.sources)}")
        return wanted, self.sources[wanted]

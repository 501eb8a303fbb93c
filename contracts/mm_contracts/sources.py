"""The configured sources (``sources.json``, mounted from a ConfigMap)."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from mm_contracts.keys import COORDINATES, IMAGES, PHOTOS, TIMELAPSE
from mm_contracts.plan import Camel
from mm_contracts.rovers import TRAVERSE_ROVERS, canonical_rover
from mm_contracts.source_kinds import KINDS, key_variable, published_limit

SourceKind = Literal["nasa-v1", "marsvista-v1", "marsvista-v2", "m20-raw", "msl-raw", "mmgis"]


class Source(Camel):
    """One place to fetch from. An API key is never part of it: it comes from a Secret, as ``SOURCE_API_KEY_<NAME>``."""

    kind: SourceKind = Field(default="nasa-v1", description="What the source speaks.")
    base_url: str = Field(
        min_length=8, pattern=r"^https?://[^\s]+$", description="URL of the API, without a trailing slash."
    )
    traverse_urls: dict[str, str] = Field(
        default_factory=dict, description="MMGIS traverse layer by rover name, of a source of kind nasa-v1."
    )
    mmgis_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="MMGIS base URL: the source then has the drives and waypoints of Perseverance and Curiosity too.",
    )
    rovers: list[str] = Field(default_factory=list, description="Rovers that it has; empty is all of its kind.")
    max_concurrency: int = Field(default=8, ge=1, le=256, description="Requests at a time, over all Jobs.")
    requests_per_hour: int | None = Field(
        default=None,
        ge=1,
        description="Requests an hour, over all Jobs; left out is what the source publishes, null is no limit.",
    )
    timeout_seconds: float = Field(default=30, gt=0, le=600, description="Longest wait for one answer.")
    page_size: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Items in a page; left out is what suits the kind (nasa-v1: a whole sol in one request).",
    )
    sample_types: list[str] = Field(
        default_factory=list,
        description="Which sample types of NASA's raw feeds are photos; empty is what suits the kind.",
    )
    api_key_secret: str | None = Field(
        default=None, max_length=253, description="Secret that holds the API key; null is none."
    )
    api_key_secret_key: str = Field(default="api-key", min_length=1, max_length=253, description="Key in that Secret.")

    @model_validator(mode="before")
    @classmethod
    def _what_suits_the_kind(cls, given: Any) -> Any:
        kind = KINDS.get(str(given.get("kind") or "nasa-v1")) if isinstance(given, dict) else None
        if kind is None:
            return given
        # Null is Helm's word for the default; of the limit it says that there is none.
        camel = {to_camel(name): value for name, value in given.items()}
        filled = {name: value for name, value in camel.items() if value is not None or name == "requestsPerHour"}
        if "requestsPerHour" not in filled:
            url = str(filled.get("baseUrl") or "")
            filled["requestsPerHour"] = published_limit(str(filled.get("kind") or "nasa-v1"), url)
        defaults = {"rovers": list(kind.rovers), "pageSize": kind.page_size, "sampleTypes": list(kind.sample_types)}
        return filled | {name: filled.get(name) or value for name, value in defaults.items()}

    @field_validator("rovers")
    @classmethod
    def _known_rovers(cls, names: list[str]) -> list[str]:
        return [canonical_rover(name) for name in names]

    @field_validator("base_url")
    @classmethod
    def _no_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Source":
        able = KINDS[self.kind].rovers
        if strange := [name for name in self.rovers if name not in able]:
            raise ValueError(f"a source of kind {self.kind} cannot have {', '.join(strange)}: it has {', '.join(able)}")
        return self

    def gives(self, dataset: str, rover: str) -> bool:
        """Return whether a dataset of a rover can be had here."""
        if dataset in (IMAGES, TIMELAPSE):
            dataset = PHOTOS  # who tells of pictures tells where they are
        if dataset == COORDINATES and self.kind != "mmgis":
            return rover in self.traverse_urls or (self.mmgis_url is not None and rover in TRAVERSE_ROVERS)
        return dataset in KINDS[self.kind].datasets and rover in self.rovers


class Sources(Camel):
    """All configured sources, the default one's name, and the order of sources of each rover."""

    default: str
    sources: dict[str, Source]
    rovers: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Names of sources by rover, best first: the first that is well is in charge. A rover that is "
        "left out has the default source.",
    )
    contact: str = Field(
        default="",
        max_length=200,
        description="Address or URL at which a source's people reach you; a part of the User-Agent.",
    )

    @field_validator("rovers")
    @classmethod
    def _known_rovers(cls, order: dict[str, list[str]]) -> dict[str, list[str]]:
        return {canonical_rover(rover): names for rover, names in order.items()}

    @field_validator("contact")
    @classmethod
    def _fits_a_header(cls, text: str) -> str:
        if not (text.isascii() and text.isprintable()) or set(text) & set("()"):
            raise ValueError("contact goes into a header: use printable ASCII without parentheses")
        return text

    @model_validator(mode="after")
    def _names_exist(self) -> "Sources":
        known = ", ".join(self.sources) or "none"
        if self.default not in self.sources:
            raise ValueError(f"default source {self.default!r} is not among {known}")
        for rover, names in self.rovers.items():
            if strange := [name for name in names if name not in self.sources]:
                raise ValueError(f"rovers.{rover} names {strange[0]!r}, which is not among {known}")
        by_variable: dict[str, str] = {}
        for name in self.sources:
            if (other := by_variable.setdefault(key_variable(name), name)) != name:
                raise ValueError(f"sources {other!r} and {name!r} would share the variable {key_variable(name)}")
        return self

    def pick(self, name: str, rover: str = "", dataset: str = "") -> tuple[str, Source]:
        """Return (name, source) for a plan's ``source``; empty means the first of the rover's, else the default.

        Raises:
            ValueError: no source of that name is configured.
        """
        wanted = name or next(iter(self.ordered(rover, dataset)), "") or self.default
        if wanted not in self.sources:
            raise ValueError(f"no source named {wanted!r} is configured: use one of {', '.join(self.sources)}")
        return wanted, self.sources[wanted]

    def ordered(self, rover: str, dataset: str) -> list[str]:
        """Return the names of the rover's sources that give a dataset, best first; empty where none is listed."""
        names = self.rovers.get(rover) or [self.default]
        return [name for name in names if self.sources[name].gives(dataset, rover)]

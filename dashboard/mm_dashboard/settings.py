"""What the environment tells the dashboard. Read once, at its start."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mm_contracts.connections import SettingsError
from mm_contracts.keys import BUCKET
from mm_contracts.sources import Sources

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token and the API server's authority."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are, and what visitors may do."""

    release: str
    namespace: str
    kube_url: str
    """The API server's URL; empty where there is none to ask."""
    kube_account: Path | None
    """Folder with ``token`` and ``ca.crt``; None for a proxy that needs neither."""
    bucket: str = BUCKET
    s3_endpoint: str | None = None
    sources: Sources | None = None
    picture_origins: tuple[str, ...] = ()
    """Origins (scheme, host, port) that pictures may be fetched from, beside those of the sources themselves."""
    picture_sources: tuple[str, ...] = ()
    """Sources that serve their pictures themselves, at the paths of the addresses that they tell."""
    actions: bool = False
    token: str = field(default="", repr=False)
    """What a visitor types in to act; empty where a proxy says who it is."""
    operator_url: str = ""
    """Where the operator's metrics are; empty where there is none to ask."""
    runbook_url: str = "docs/runbooks"
    """What the addresses of the alerts' runbooks begin with."""
    identity_header: str = ""
    """Header in which an authenticating proxy names the visitor; empty where none stands before the page."""


def load(env: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        SettingsError: a variable cannot be used; the message says which and what to set.
    """
    host, port = env.get("KUBERNETES_SERVICE_HOST", ""), env.get("KUBERNETES_SERVICE_PORT", "443")
    url = env.get("MARS_KUBE_URL", "") or (f"https://{f'[{host}]' if ':' in host else host}:{port}" if host else "")
    actions = env.get("MARS_DASHBOARD_ACTIONS", "").lower() == "true"
    token, header = env.get("MARS_DASHBOARD_TOKEN", ""), env.get("MARS_DASHBOARD_IDENTITY_HEADER", "")
    if actions and not (token or header):
        raise SettingsError(
            "MARS_DASHBOARD_ACTIONS is on, but nobody could prove who they are: set MARS_DASHBOARD_TOKEN, or "
            "MARS_DASHBOARD_IDENTITY_HEADER behind an authenticating proxy"
        )
    return Settings(
        release=env.get("MARS_RELEASE", "mars"),
        namespace=env.get("MARS_NAMESPACE", "mars"),
        kube_url=url.rstrip("/"),
        kube_account=ACCOUNT if host and not env.get("MARS_KUBE_URL") else None,
        bucket=env.get("S3_BUCKET") or BUCKET,
        s3_endpoint=env.get("S3_ENDPOINT_URL") or None,
        sources=_sources(env.get("MARS_SOURCES_FILE", "")),
        picture_origins=_list(env.get("MARS_PICTURE_ORIGINS", "")),
        picture_sources=_list(env.get("MARS_PICTURE_SOURCES", "")),
        actions=actions,
        token=token,
        identity_header=header,
        operator_url=env.get("MARS_GATE_URL", "").rstrip("/"),
        runbook_url=env.get("MARS_RUNBOOK_URL", "").rstrip("/") or "docs/runbooks",
    )


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _sources(path: str) -> Sources | None:
    if not path:
        return None
    try:
        return Sources.model_validate(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise SettingsError(f"MARS_SOURCES_FILE is {path}: it cannot be read: {error}") from None

"""Points in time as the Kubernetes API writes them."""

from datetime import UTC, datetime


def parse_time(text: str | None) -> datetime | None:
    """Return the time in an RFC 3339 text, or None if there is none or it is malformed."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC with whole seconds, the API's own form."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Who a visitor is, and whether a request to act is the visitor's own wish.

A visitor is known by the header of an authenticating proxy, or by having typed in the release's token, which a signed
cookie remembers for a working day. A form carries a mark that another site cannot know, and a request that the browser
says comes from another site is refused before that.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from mm_dashboard.settings import Settings

COOKIE: Final = "mars-visitor"
SECONDS: Final = 8 * 3600
_TRIES: Final = 10
"""Wrong tokens a minute, from whomever: a token cannot be guessed, and nobody shall try."""


class Refused(Exception):
    """The request is not carried out; ``status`` is HTTP's, the message a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may act. ``mark`` is what the forms made for them carry."""

    name: str
    mark: str
    can_leave: bool
    """Whether signing out means anything: a proxy's visitors sign out there."""


class Doorkeeper:
    """Tells visitors apart."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A session ends where the token changes. Behind a proxy nothing outlives the process.
        self._key = (
            hashlib.sha256(b"session" + settings.token.encode()).digest() if settings.token else secrets.token_bytes()
        )
        self._wrong: list[float] = []

    def visitor(self, request: Request) -> Visitor | None:
        """Return who asks, None where nobody may act or the visitor is not known."""
        if not self._settings.actions:
            return None
        if self._settings.identity_header:
            name = clean(request.headers.get(self._settings.identity_header, ""))
            return Visitor(name, self._mark(name), False) if name else None
        name = self._signed_in(request.cookies.get(COOKIE, ""))
        return Visitor(name, self._mark(name), True) if name else None

    def sign_in(self, name: str, token: str, now: float | None = None) -> str:
        """Return the cookie's value for a visitor who knows the token. Raises Refused."""
        now = time.time() if now is None else now
        self._wrong = [at for at in self._wrong if now - at < 60]
        if len(self._wrong) >= _TRIES:
            raise Refused(429, "Too many wrong tokens: try again in a minute.")
        if not self._settings.token or not hmac.compare_digest(token.encode(), self._settings.token.encode()):
            self._wrong.append(now)
            raise Refused(403, "That is not the token. It stands in the release's Secret; ./mars ui tells it.")
        if not clean(name):
            raise Refused(400, "Give your name: what you do is noted with it.")
        said = base64.urlsafe_b64encode(json.dumps([clean(name), int(now + SECONDS)]).encode()).decode()
        return f"{said}.{self._sign('cookie', said)}"

    def check(self, request: Request, mark: str) -> Visitor:
        """Return who asks to act. Raises Refused where it is nobody known, or not their own wish."""
        if not self._settings.actions:
            raise Refused(403, "Actions are switched off: dashboard.actions.enabled switches them on.")
        same_site(request)
        visitor = self.visitor(request)
        if visitor is None:
            raise Refused(401, "Sign in to act.")
        if not hmac.compare_digest(mark.encode(), visitor.mark.encode()):
            raise Refused(403, "The page was too old, or not ours: load it again and repeat.")
        return visitor

    def _signed_in(self, cookie: str) -> str:
        said, _, signature = cookie.partition(".")
        if not said or not hmac.compare_digest(signature.encode(), self._sign("cookie", said).encode()):
            return ""
        name, until = json.loads(base64.urlsafe_b64decode(said))
        return str(name) if time.time() < until else ""

    def _mark(self, name: str) -> str:
        return self._sign("form", name)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}|{text}".encode(), hashlib.sha256).hexdigest()


def clean(name: str) -> str:
    """Return a name without what does not belong into one, at most 80 characters."""
    return " ".join("".join(char for char in name if char.isprintable()).split())[:80]


def same_site(request: Request) -> None:
    """Raise Refused where a browser says that another site made the request."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in ("same-origin", "none") or (origin and urlsplit(origin).netloc != request.headers.get("host")):
        raise Refused(403, "The request came from another site.")

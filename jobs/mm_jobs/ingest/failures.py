"""Why a request to a source gave nothing usable. An answer is never guessed from a failure."""

from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.env import redact

SOURCE_WIDE = frozenset(
    {Reason.RATE_LIMITED, Reason.UNAUTHORIZED, Reason.CONFIG_ERROR, Reason.GATE_UNREACHABLE, Reason.DEADLINE}
)
"""Reasons that say nothing about the sol that was asked for: every other request would have failed too."""


class SourceFailure(Exception):
    """A request that ended without a usable answer: a reason of the stable list, a sentence, and when to ask again.

    Secrets are hidden in the sentence at once: a source may repeat what it was asked with, and the sentence goes into
    the object and from there into the warehouse.
    """

    def __init__(
        self, reason: Reason, message: str, *, retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(redact(message))
        self.reason = reason
        self.retry_after = retry_after
        """Seconds after which the source said (or the gate says) that asking again can help."""
        self.status = status


_CODES = {
    Reason.SOURCE_GONE: ExitCode.SOURCE_GONE,
    Reason.BAD_ARGUMENTS: ExitCode.BAD_ARGUMENTS,
    Reason.CONFIG_ERROR: ExitCode.BAD_ARGUMENTS,
    Reason.UNAUTHORIZED: ExitCode.BAD_ARGUMENTS,
}


def exit_code(reasons: list[Reason]) -> ExitCode:
    """Return the exit code for the reasons of all that failed: one that a retry can mend makes the whole retryable."""
    codes = {_CODES.get(reason, ExitCode.TEMPORARY) for reason in reasons}
    if ExitCode.TEMPORARY in codes:
        return ExitCode.TEMPORARY
    return ExitCode.SOURCE_GONE if ExitCode.SOURCE_GONE in codes else ExitCode.BAD_ARGUMENTS

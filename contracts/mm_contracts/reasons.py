"""Why something failed, and with which exit code a Job says so. Names are a stable contract: add, never rename."""

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """Exit codes of Jobs; the first four follow BSD's sysexits.h."""

    DONE = 0
    BAD_ARGUMENTS = 64
    SOURCE_GONE = 69
    STORAGE_ERROR = 74
    TEMPORARY = 75
    OTHER = 1


class Reason(StrEnum):
    """Machine reasons of a failed batch, load or run."""

    BAD_ARGUMENTS = "BadArguments"
    SOURCE_GONE = "SourceGone"
    SOURCE_ERROR = "SourceError"
    RATE_LIMITED = "RateLimited"
    BAD_RESPONSE = "BadResponse"
    UNAUTHORIZED = "Unauthorized"
    GATE_UNREACHABLE = "GateUnreachable"
    SOL_NOT_PROMISED = "SolNotPromised"
    PHOTO_COUNT_MISMATCH = "PhotoCountMismatch"
    CAMERA_MISMATCH = "CameraMismatch"
    STORAGE_ERROR = "StorageError"
    WAREHOUSE_ERROR = "WarehouseError"
    KAFKA_ERROR = "KafkaError"
    TRANSFORM_ERROR = "TransformError"
    TEST_FAILED = "TestFailed"
    IMAGE_PULL = "ImagePull"
    OOM_KILLED = "OOMKilled"
    UNSCHEDULABLE = "Unschedulable"
    CONFIG_ERROR = "ConfigError"
    DEADLINE = "Deadline"
    EVICTED = "Evicted"
    NODE_LOST = "NodeLost"
    QUOTA = "Quota"
    REFUSED = "Refused"
    SIDECAR = "SidecarKeepsPod"
    CRASHED = "Crashed"
    UNKNOWN = "Unknown"


class DeadLetterReason(StrEnum):
    """Machine reasons of a message that is put on a dead-letter topic."""

    NOT_JSON = "NotJson"
    BAD_MESSAGE = "BadMessage"
    TOO_MANY_TASKS = "TooManyTasks"
    NO_VALID_TASK = "NoValidTask"
    PLAN_REFUSED = "PlanRefused"
    INTERNAL_ERROR = "InternalError"


RETRYABLE: dict[ExitCode, bool] = {
    ExitCode.DONE: False,
    ExitCode.BAD_ARGUMENTS: False,
    ExitCode.SOURCE_GONE: False,
    ExitCode.STORAGE_ERROR: True,
    ExitCode.TEMPORARY: True,
    ExitCode.OTHER: True,
}
"""Whether another attempt of the same batch can help, by exit code."""

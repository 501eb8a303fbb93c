"""The bucket and its event notification, by plain S3 calls."""

import os
import time
from typing import TYPE_CHECKING, Any, Final

from mm_contracts.keys import BUCKET, DATASETS

from mm_cli.setup_topics import SetupError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RELEASE: Final = "martian-moments"
"""Name of the release where none is given, and the id of the one notification that an early version made."""
EVENTS: Final = ["s3:ObjectCreated:*"]
DEFAULT_ARN: Final = "arn:minio:sqs::MARS:kafka"
"""MinIO's name for the Kafka target that MINIO_NOTIFY_KAFKA_*_MARS configures, without a site region."""

_WRITTEN_BY_MINIO: Final = ("ResponseMetadata", "EventBridgeConfiguration")


def notifications(arn: str, release: str = RELEASE) -> list[dict[str, Any]]:
    """Return the queue configurations that report every written object of the datasets to the target ``arn``.

    A notification has one prefix, so that there is one for each dataset. Their ids begin with the release's name:
    several releases may use one bucket, each with a target of its own.
    """
    return [
        {
            "Id": f"{release}-{dataset}",
            "QueueArn": arn,
            "Events": list(EVENTS),
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": f"{dataset}/"}]}},
        }
        for dataset in DATASETS
    ]


def merged(current: dict[str, Any], arn: str, release: str = RELEASE) -> dict[str, Any] | None:
    """Return the bucket's notification configuration with ours in it, or None if it is there already.

    Ours are known by their ids. Whatever else is on the bucket is kept, also with the same target: somebody may have
    other prefixes reported to it. One of another id with the same target, events and prefix would make a store refuse
    ours as overlapping, and serves as well: it counts as ours.
    """
    queues = current.get("QueueConfigurations", [])
    wanted = notifications(arn, release)
    ids = {queue["Id"] for queue in wanted} | ({RELEASE} if release == RELEASE else set())
    essences = {_essence(queue) for queue in wanted}
    serving = {_essence(queue) for queue in queues if _essence(queue) in essences}
    stale = [queue for queue in queues if queue.get("Id") in ids and _essence(queue) not in essences]
    if serving == essences and not stale:
        return None
    kept = [queue for queue in queues if queue.get("Id") not in ids and _essence(queue) not in essences]
    others = {key: value for key, value in current.items() if key not in (*_WRITTEN_BY_MINIO, "QueueConfigurations")}
    return {**others, "QueueConfigurations": [*kept, *wanted]}


def _essence(queue: dict[str, Any]) -> tuple[str, frozenset[str], frozenset[tuple[str, str]]]:
    """Return a configuration's target, events and filter rules; stores spell the rules' names in their own way."""
    rules = queue.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return (
        queue["QueueArn"],
        frozenset(queue["Events"]),
        frozenset((rule["Name"].lower(), rule["Value"]) for rule in rules),
    )


def _client() -> "S3Client":
    import boto3
    from botocore.config import Config

    endpoint = os.environ.get("S3_ENDPOINT_URL") or None
    config = Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "max_attempts": 1},
        s3={"addressing_style": "path"} if endpoint else None,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=endpoint, config=config)


def ensure_bucket(*, arn: str, timeout: float, release: str = RELEASE) -> tuple[bool, bool]:
    """Make the bucket of S3_BUCKET and its notification; safe to repeat.

    Args:
        arn: the notification target's ARN; empty sets up the bucket alone.
        timeout: seconds to wait for the object store to answer.
        release: whose notification it is: others' stay.

    Returns:
        Whether the bucket was created, and whether its notification was changed.

    Raises:
        SetupError: the store did not answer in time or refused.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = os.environ.get("S3_BUCKET") or BUCKET
    deadline = time.monotonic() + timeout
    client = _client()
    while True:
        try:
            return _create(client, bucket), bool(arn) and _notify(client, bucket, arn, release)
        except ClientError as error:
            said = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status < 500 or time.monotonic() >= deadline:
                raise SetupError(
                    f"the object store refused to set up bucket {bucket}: {said.get('Code')}: {said.get('Message')}"
                ) from None
        except BotoCoreError as error:
            if time.monotonic() >= deadline:
                raise SetupError(
                    f"the object store did not answer: {error}; check that it runs and S3_ENDPOINT_URL is right"
                ) from None
        # A refused connection returns at once, and nothing tells when a server begins to listen.
        time.sleep(0.5)


def _create(client: "S3Client", bucket: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
        return False
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("404", "NoSuchBucket"):
            raise
    region = client.meta.region_name
    try:
        if os.environ.get("S3_ENDPOINT_URL") or region in ("us-east-1", "aws-global"):
            client.create_bucket(Bucket=bucket)
        else:
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("BucketAlreadyOwnedByYou",):
            raise
        return False
    return True


def _notify(client: "S3Client", bucket: str, arn: str, release: str) -> bool:
    current: dict[str, Any] = dict(client.get_bucket_notification_configuration(Bucket=bucket))
    wanted = merged(current, arn, release)
    if wanted is None:
        return False
    client.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)  # type: ignore[arg-type]
    return True

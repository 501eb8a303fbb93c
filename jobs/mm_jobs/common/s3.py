"""Plain S3: read, write and list objects of the one bucket. boto3 costs half a second and is imported on first use."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mm_contracts.keys import BUCKET, DATASETS, WORK_PREFIX
from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ending import JobError
from mm_jobs.common.env import optional

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, WaiterConfigTypeDef


_BUCKET_WAIT: "Final[WaiterConfigTypeDef]" = {"Delay": 1, "MaxAttempts": 60}
"""Seconds between looks, and looks."""


class Listed(NamedTuple):
    """An object as the bucket lists it: key, ETag without quotes, bytes, and when it was last written (with a zone)."""

    key: str
    etag: str
    size: int
    written_at: datetime


class Stored(NamedTuple):
    """An object's content, its ETag without quotes and its user metadata (lower-case names)."""

    body: bytes
    etag: str
    metadata: dict[str, str]


class Bucket:
    """The configured bucket. Every error becomes ``JobError`` StorageError with a sentence."""

    def __init__(self) -> None:
        self.name = optional("S3_BUCKET", BUCKET)
        self._endpoint = optional("S3_ENDPOINT_URL")
        self._client: S3Client | None = None

    def put(self, key: str, body: bytes, metadata: Mapping[str, str], content_type: str = "application/json") -> str:
        """Write an object whole, or raise JobError; returns its ETag without quotes."""
        with self._errors(f"write {key}"):
            answer = self._s3().put_object(
                Bucket=self.name, Key=key, Body=body, ContentType=content_type, Metadata=dict(metadata)
            )
            return answer["ETag"].strip('"')

    def get(self, key: str) -> Stored | None:
        """Return an object, or None where there is none. Raises JobError."""
        from botocore.exceptions import ClientError

        with self._errors(f"read {key}"):
            try:
                answer = self._s3().get_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                    return None
                raise
            return Stored(answer["Body"].read(), answer["ETag"].strip('"'), dict(answer.get("Metadata", {})))
        return None  # unreachable: _errors either passes or raises; mypy cannot know

    def put_new(self, key: str, body: bytes) -> bool:
        """Write an object where there is none of that key; return whether there was none. Raises JobError."""
        from botocore.exceptions import ClientError

        with self._errors(f"write {key}"):
            try:
                self._s3().put_object(Bucket=self.name, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "ConditionalRequestConflict"):
                    return False
                raise
        return True

    def replace(self, key: str, body: bytes, former: Stored) -> bool:
        """Write an object whose content is still ``former``, with its metadata; return whether it was. Raises JobError.

        A store that knows no If-Match writes whatever the content is.
        """
        from botocore.exceptions import ClientError

        with self._errors(f"write {key}"):
            try:
                self._s3().put_object(
                    Bucket=self.name,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                    Metadata=former.metadata,
                    IfMatch=f'"{former.etag}"',
                )
            except ClientError as error:
                gone = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404")
                if error.response.get("Error", {}).get("Code") in gone:
                    return False
                raise
        return True

    def delete(self, key: str) -> None:
        """Remove an object, if it is there. Raises JobError."""
        with self._errors(f"remove {key}"):
            self._s3().delete_object(Bucket=self.name, Key=key)

    def metadata(self, key: str) -> dict[str, str] | None:
        """Return an object's user metadata without its content, or None where there is none. Raises JobError."""
        head = self._head(key)
        return None if head is None else dict(head.get("Metadata", {}))

    def etag(self, key: str) -> str | None:
        """Return an object's ETag without quotes, or None where there is no such object. Raises JobError."""
        head = self._head(key)
        return None if head is None else head["ETag"].strip('"')

    def _head(self, key: str) -> "HeadObjectOutputTypeDef | None":
        from botocore.exceptions import ClientError

        with self._errors(f"look at {key}"):
            try:
                return self._s3().head_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                    return None
                raise
        return None  # unreachable, as above

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, in order. Raises JobError."""
        with self._errors(f"list {prefix}"):
            for page in self._s3().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for entry in page.get("Contents", []):
                    yield entry["Key"]

    def list(self) -> Iterator[Listed]:
        """Yield what is loaded into the warehouse and what Jobs keep for each other, in key order. Raises JobError.

        Pictures, thumbnails and pages lie beside it and may be a thousand times as many: they are not looked through.
        A bucket that is not there yet is waited for: the first sweep of a new installation may run before it is made.
        """
        with self._errors("list the bucket"):
            self._s3().get_waiter("bucket_exists").wait(Bucket=self.name, WaiterConfig=_BUCKET_WAIT)
            for prefix in sorted((*(f"{dataset}/" for dataset in DATASETS), WORK_PREFIX)):
                pages = self._s3().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
                for page in pages:
                    for entry in page.get("Contents", []):
                        yield Listed(entry["Key"], entry["ETag"].strip('"'), entry["Size"], entry["LastModified"])

    def _s3(self) -> "S3Client":
        if self._client is None:
            _skip_pyopenssl()
            import boto3
            from botocore.config import Config

            config = Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"mode": "standard", "max_attempts": 4},
                # MinIO and most S3 work-alikes have one address for all buckets.
                s3={"addressing_style": "path"} if self._endpoint else None,
                # The default trailing checksum is unknown to some S3 work-alikes; ETag and length already guard.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
            self._client = boto3.client("s3", endpoint_url=self._endpoint or None, config=config)
        return self._client

    @contextlib.contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, WaiterError

        try:
            yield
        except WaiterError as error:
            message = f"there is no bucket {self.name} that can be used ({error}): make it with `mars setup bucket`"
            raise JobError(ExitCode.STORAGE_ERROR, Reason.STORAGE_ERROR, message) from None
        except ClientError as error:
            said: Any = error.response.get("Error", {})
            message = f"the object store refused to {doing}: {said.get('Code')}: {said.get('Message')}"
            if said.get("Code") == "NoSuchBucket":
                message += f"; make bucket {self.name} with `mars setup bucket`"
            raise JobError(ExitCode.STORAGE_ERROR, Reason.STORAGE_ERROR, message) from None
        except BotoCoreError as error:
            message = f"the object store did not {doing}: {error}; check that it runs and S3_ENDPOINT_URL is right"
            raise JobError(ExitCode.STORAGE_ERROR, Reason.STORAGE_ERROR, message) from None


def _skip_pyopenssl() -> None:
    """Spare botocore an import that costs a quarter of its CPU and gives a name that urllib3 has itself.

    botocore asks urllib3's pyOpenSSL bridge for the original SSL context class, or urllib3 where there is no bridge: it
    is the same class. The bridge is there only because another client in the image needs pyOpenSSL.
    """
    if "urllib3.contrib.pyopenssl" not in sys.modules and "botocore.httpsession" not in sys.modules:
        sys.modules["urllib3.contrib.pyopenssl"] = None  # type: ignore[assignment]
        try:
            import botocore.httpsession  # noqa: F401
        finally:
            del sys.modules["urllib3.contrib.pyopenssl"]

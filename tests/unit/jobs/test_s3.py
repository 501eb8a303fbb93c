"""What the bucket's client makes of the store's answers."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from mm_contracts.reasons import ExitCode
from mm_jobs.common.ending import JobError
from mm_jobs.common.s3 import Bucket


class Client:
    """Answers HEAD requests, or refuses them with a code."""

    def __init__(self, answer: dict[str, Any] | str) -> None:
        self._answer = answer

    def head_object(self, **_: str) -> dict[str, Any]:
        if isinstance(self._answer, str):
            raise ClientError({"Error": {"Code": self._answer, "Message": "no"}}, "HeadObject")
        return self._answer


def _bucket(answer: dict[str, Any] | str) -> Bucket:
    bucket = Bucket()
    bucket._client = Client(answer)  # type: ignore[assignment]
    return bucket


def test_an_etag_comes_without_its_quotes_and_metadata_as_they_are() -> None:
    bucket = _bucket({"ETag": '"abc-2"', "Metadata": {"trace": "t"}})
    assert bucket.etag("k") == "abc-2"
    assert bucket.metadata("k") == {"trace": "t"}


def test_what_is_not_there_is_none_and_a_refusal_is_an_error() -> None:
    assert _bucket("404").etag("k") is _bucket("404").metadata("k") is None
    with pytest.raises(JobError, match="refused to look at k: 403") as caught:
        _bucket("403").etag("k")
    assert caught.value.code == ExitCode.STORAGE_ERROR

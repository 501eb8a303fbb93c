"""PUT: clients upload to this server, as they would to a storage bucket by a presigned address."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from mm_warehouse.engine import UPLOAD_PREFIX, Engine

_VALID_SECONDS = 3600
_ROUTE = "/stages/"


class Stages:
    """Gives out upload addresses and takes the uploads."""

    def __init__(self, engine: Engine) -> None:
        self._root = engine.stages.resolve()
        self._key = secrets.token_bytes(32)

    def upload_command(self, put: dict[str, Any], stage_name: str, base_url: str) -> dict[str, Any]:
        """The answer to PUT: Google's kind of stage, the one that clients upload to by plain HTTP.

        The connector asks anew for each file, naming it as it is uploaded (with .gz, if it compressed it).
        """
        directory = Path(put["stageInfo"]["location"])
        path = os.path.relpath(directory / Path(put["src_locations"][0]).name, self._root)
        expires = int(time.time()) + _VALID_SECONDS
        signature = self._signature(path, expires)
        stage_info = {
            "locationType": "GCS",
            "location": f"{stage_name}/",
            "path": "",
            "region": "us-central1",
            "storageAccount": "",
            "endPoint": "",
            "isClientSideEncrypted": False,
            "useRegionalUrl": False,
            "useVirtualUrl": False,
            "creds": {},
            "presignedUrl": f"{base_url}{_ROUTE}{quote(path)}?expires={expires}&signature={signature}",
        }
        return {**put, "stageInfo": stage_info, "overwrite": True}

    async def upload(self, request: Request) -> Response:
        """PUT /stages/{path}: store one file, whole or not at all."""
        path = unquote(request.url.path.removeprefix(_ROUTE))
        expires = request.query_params.get("expires", "")
        signature = request.query_params.get("signature", "")
        valid = expires.isdigit() and int(expires) >= time.time()
        if not valid or not hmac.compare_digest(signature.encode(), self._signature(path, int(expires)).encode()):
            return Response("The upload address is not valid any more. Send PUT again.", status_code=401)
        target = (self._root / path).resolve()
        if not target.is_relative_to(self._root):
            return Response("The path leaves the stage.", status_code=404)
        # Outside every stage, so that COPY never sees half a file; on the same volume, so that the rename is atomic.
        handle, partial = tempfile.mkstemp(prefix=UPLOAD_PREFIX, dir=self._root)
        try:
            with os.fdopen(handle, "wb") as file:
                async for chunk in request.stream():
                    file.write(chunk)
            _move(Path(partial), target)
        except BaseException:
            Path(partial).unlink()
            raise
        return Response(status_code=200)

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._key, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()


def _move(file: Path, target: Path) -> None:
    """Rename into the stage; REMOVE drops empty folders, so the target's may vanish between the two steps."""
    while True:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.replace(target)
        except FileNotFoundError:
            if not file.exists():
                raise
        else:
            return

"""Snowflake's REST protocol spoken by hand, to see what the connector hides: codes, polling, request ids."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from typing import Any


class Rest:
    """One session."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.token: str | None = None

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request; the answer's JSON, whatever its status."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f'Snowflake Token="{self.token}"'
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.load(answer))

    def login(self, user: str, password: str) -> dict[str, Any]:
        """Log in; keeps the token if that worked."""
        body = {"data": {"LOGIN_NAME": user, "PASSWORD": password, "SESSION_PARAMETERS": {}}}
        answer = self.call("POST", "/session/v1/login-request?databaseName=MARS&schemaName=BRONZE", body)
        if answer["success"]:
            self.token = answer["data"]["token"]
        return answer

    def query(self, sql: str, request_id: str | None = None) -> dict[str, Any]:
        """Send a statement; the first answer, which may be "in progress"."""
        request_id = request_id or str(uuid.uuid4())
        return self.call("POST", f"/queries/v1/query-request?requestId={request_id}", {"sqlText": sql})

    def upload(self, path: str) -> int:
        """The status of an upload without a valid signature."""
        request = urllib.request.Request(self.base + path, data=b"x", method="PUT")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)

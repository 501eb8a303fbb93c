"""POST /queries/v1/query-request and what belongs to it: bindings in, result out, polling, cancelling."""

from __future__ import annotations

import logging
import time
from typing import Any

from fakesnow.converter import from_binding
from fakesnow.statement_type import DML_TYPE_IDS
from starlette.requests import Request
from starlette.responses import Response

from mm_warehouse import results, statement
from mm_warehouse.errors import SqlError, as_sql_error
from mm_warehouse.http.messages import failure, read_json, success, token_of
from mm_warehouse.http.running import Statements
from mm_warehouse.http.stages import Stages
from mm_warehouse.session import Session, Sessions

logger = logging.getLogger(__name__)


class Queries:
    """The handlers that run statements."""

    def __init__(self, sessions: Sessions, statements: Statements, stages: Stages) -> None:
        self._sessions = sessions
        self._statements = statements
        self._stages = stages

    async def query(self, request: Request) -> Response:
        """Run a statement, or join the run of the one with the same request id."""
        try:
            session = self._sessions.get(token_of(request))
            body = await read_json(request)
        except SqlError as error:
            return failure(error)
        base_url = f"{request.url.scheme}://{request.url.netloc}"
        return await self._statements.run(
            request.query_params.get("requestId"), session, lambda: self._answer(session, body, base_url)
        )

    async def result(self, request: Request) -> Response:
        """GET /queries/{id}/result: wait on for a statement that took too long for its own request."""
        try:
            session = self._sessions.get(token_of(request))
            return await self._statements.join(request.path_params["request_id"], session)
        except SqlError as error:
            return failure(error)

    async def abort(self, request: Request) -> Response:
        """POST /queries/v1/abort-request: cancel the statement whose request id is in the body."""
        try:
            session = self._sessions.get(token_of(request))
            target = (await read_json(request)).get("requestId")
        except SqlError as error:
            return failure(error)
        self._statements.cancel(str(target), session)
        return success(None)

    def _answer(self, session: Session, body: dict[str, Any], base_url: str) -> Response:
        """Run the request's statement; on a worker thread. Never raises."""
        text = str(body.get("sqlText") or "")
        started = time.perf_counter()
        try:
            with session.statement():
                data = self._run(session, text, body.get("bindings") or {}, base_url)
        except Exception as error:
            translated = as_sql_error(error)
            logger.info("statement failed after %.3f s: %s", time.perf_counter() - started, translated.code)
            logger.debug("%.500s", text, exc_info=error)
            return failure(translated)
        logger.debug("statement took %.3f s: %.200s", time.perf_counter() - started, text)
        return success(data)

    def _run(self, session: Session, text: str, bindings: dict[str, Any], base_url: str) -> dict[str, Any]:
        rows = _array_binding(bindings)
        if rows is None:
            outcome = statement.run(session, text, _parameters(bindings))
            put = outcome.translated.args.get("put_stage_data") if outcome.translated is not None else None
            if put is not None and outcome.translated is not None:
                return self._stages.upload_command(put, outcome.translated.args["put_stage_name"], base_url)
            return _result(session, outcome)
        total = 0
        for row in rows:
            outcome = statement.run(session, text, row)
            total += outcome.rowcount
        data = _result(session, outcome)
        data.update(queryResultFormat="json", rowset=[[str(total)]], total=1)
        data.pop("rowsetBase64", None)
        return data


def _parameters(bindings: dict[str, Any]) -> list[Any] | dict[str, Any] | None:
    if not bindings:
        return None
    values = {name: _value(binding) for name, binding in bindings.items()}
    if all(name.isdigit() for name in values):
        return [values[name] for name in sorted(values, key=int)]
    return values


def _value(binding: dict[str, Any]) -> Any:
    return None if binding.get("value") is None else from_binding(binding)


def _array_binding(bindings: dict[str, Any]) -> list[list[Any]] | None:
    """The rows of executemany: Snowflake's clients send a list of values per placeholder."""
    if not any(isinstance(binding.get("value"), list) for binding in bindings.values()):
        return None
    columns = [
        [_value({**bindings[name], "value": value}) for value in bindings[name]["value"]]
        for name in sorted(bindings, key=int)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _result(session: Session, outcome: statement.Outcome) -> dict[str, Any]:
    columns = results.rowtype(outcome.description)
    data: dict[str, Any] = {
        "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
        "rowtype": columns,
        "total": outcome.table.num_rows if outcome.table is not None else 0,
        "queryId": outcome.query_id,
        "statementTypeId": outcome.type_id,
        "finalDatabaseName": session.connection.database,
        "finalSchemaName": session.connection.schema,
    }
    if outcome.table is not None and outcome.type_id in DML_TYPE_IDS:
        data.update(queryResultFormat="json", rowset=results.json_rows(outcome.table))
    else:
        arrow = results.arrow_base64(outcome.table, columns) if outcome.table is not None else ""
        data.update(queryResultFormat="arrow", rowsetBase64=arrow)
    return data

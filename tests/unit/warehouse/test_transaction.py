"""A DuckDB connection with Snowflake's rules, on a real in-memory DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from mm_warehouse.errors import TRANSACTION_ABORTED, SqlError, is_write_conflict
from mm_warehouse.transaction import TransactionalConnection


class Fixture:
    """Two connections to one database with table t (x), and how many transactions of the first have ended."""

    def __init__(self) -> None:
        self.root = duckdb.connect(":memory:")
        self.root.execute("CREATE TABLE t (x INTEGER)")
        self.ended = 0
        self.one = TransactionalConnection(self.root.cursor(), self.end)
        self.other = TransactionalConnection(self.root.cursor(), lambda: None)

    def end(self) -> None:
        self.ended += 1

    def count(self) -> int:
        return int(self.root.execute("SELECT count(*) FROM t").fetchall()[0][0])


@pytest.fixture
def db() -> Iterator[Fixture]:
    fixture = Fixture()
    yield fixture
    fixture.root.close()


def test_commit_and_rollback(db: Fixture) -> None:
    db.one.begin()
    db.one.execute("INSERT INTO t VALUES (1)")
    db.one.rollback()
    db.one.begin()
    db.one.begin()
    db.one.execute("INSERT INTO t VALUES (2)")
    db.one.commit()
    assert (db.count(), db.ended, db.one.active) == (1, 2, False)


def test_ending_nothing_does_nothing(db: Fixture) -> None:
    db.one.commit()
    db.one.rollback()
    assert db.ended == 0


def test_commit_of_a_failed_transaction_fails(db: Fixture) -> None:
    db.one.begin()
    db.one.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(duckdb.Error):
        db.one.execute("SELECT 'a'::INTEGER")
    with pytest.raises(SqlError) as refusal:
        db.one.check_usable()
    assert refusal.value.code == TRANSACTION_ABORTED
    with pytest.raises(SqlError, match="nothing of it is stored"):
        db.one.commit()
    assert (db.count(), db.one.active, db.ended) == (0, False, 1)
    db.one.check_usable()


def test_abandoned_transaction_gives_back_and_cannot_be_committed(db: Fixture) -> None:
    assert not db.one.abandon()
    db.one.begin()
    db.one.execute("INSERT INTO t VALUES (1)")
    assert db.one.abandon()
    assert not db.one.abandon()
    with pytest.raises(SqlError):
        db.one.commit()
    assert db.count() == 0


def test_conflict_in_a_transaction_is_the_clients(db: Fixture) -> None:
    db.root.execute("INSERT INTO t VALUES (1)")
    db.one.begin()
    db.one.execute("UPDATE t SET x = 2")
    db.other.begin()
    with pytest.raises(duckdb.Error) as refusal:
        db.other.execute("UPDATE t SET x = 3")
    assert is_write_conflict(refusal.value)
    assert db.other.aborted
    db.one.commit()


def test_conflict_of_a_single_statement_is_tried_again() -> None:
    class Flaky:
        """Refuses twice, as DuckDB does while another writer is at it."""

        tries = 0

        def execute(self, query: str, parameters: object = None) -> str:
            del parameters
            self.tries += 1
            if self.tries < 3:
                raise duckdb.TransactionException("Conflict on update!")
            return query

    flaky = Flaky()
    connection = TransactionalConnection(flaky, lambda: None)  # type: ignore[arg-type]
    assert connection.execute("UPDATE t SET x = 1") == "UPDATE t SET x = 1"
    assert flaky.tries == 3


def test_other_errors_are_not_tried_again(db: Fixture) -> None:
    with pytest.raises(duckdb.CatalogException):
        db.one.execute("SELECT * FROM nothing_here")
    assert not db.one.aborted

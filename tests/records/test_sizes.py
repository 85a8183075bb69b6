import sqlite3
from contextlib import closing

from podium.records.sizes import note_sizes


def store(folder):
    """A database like MLflow's, with a table by name and run."""
    with closing(sqlite3.connect(folder / "some.db")) as made, made:
        made.execute("CREATE TABLE runs (id TEXT PRIMARY KEY)")
        made.execute("CREATE TABLE latest (key TEXT, run TEXT, value REAL, PRIMARY KEY (key, run))")
        made.executemany("INSERT INTO runs VALUES (?)", [(str(k),) for k in range(50)])
        made.executemany("INSERT INTO latest VALUES ('loss', ?, 1.0)", [(str(k),) for k in range(50)])
    return folder / "some.db"


def sizes(database):
    with closing(sqlite3.connect(database)) as made:
        if not made.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone():
            return {}
        return {
            table: int(found.split()[0])
            for table, found in made.execute("SELECT tbl, stat FROM sqlite_stat1")
        }


def test_the_sizes_of_tables_are_known_afterwards_and_not_before(tmp_path):
    database = store(tmp_path)
    assert sizes(database) == {}
    note_sizes(database)
    assert sizes(database) == {"runs": 50, "latest": 50}


def test_connections_that_are_open_read_the_sizes_anew(tmp_path):
    database = store(tmp_path)
    note_sizes(database)
    with closing(sqlite3.connect(database)) as other:
        before = other.execute("PRAGMA schema_version").fetchone()
        note_sizes(database)
        assert other.execute("PRAGMA schema_version").fetchone() != before
        assert {name for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} == {
            "runs",
            "latest",
            "sqlite_stat1",
        }


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    (tmp_path / "text").write_text("no database at all, but long enough to look like one" * 10)
    before = (tmp_path / "text").read_bytes()
    note_sizes(tmp_path / "text")
    assert (tmp_path / "text").read_bytes() == before


def test_a_database_that_another_process_writes_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("podium.records.sizes.PATIENCE_S", 0.01)
    database = store(tmp_path)
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN EXCLUSIVE")
        note_sizes(database)
        other.rollback()
    assert sizes(database) == {}

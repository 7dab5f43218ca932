"""The database, the log in it against its head file, and the jobs that should have run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from psi_core.errors import NodeRefusing, StoreError
from psi_core.log.entry import Entry
from psi_core.log.key import Verifier
from psi_service.clock import instant
from psi_service.doctor.finding import Finding, fault, ok, warning
from psi_service.jobs.late import late_jobs
from psi_service.log.head_file import HeadFile
from psi_service.log.start_rules import check_extends, check_not_succeeded, check_recovered
from psi_service.log.stored_tree import check_tree, read_entry
from psi_service.log.succession import check_in_place
from psi_service.settings import Settings
from psi_service.store.migrations import migrations
from psi_service.store.reading import reading

MAX_BACKWARDS = timedelta(minutes=5)

_LOG = "docs/operating.md has the steps, under `When the log was set back`."
_RESTORE = "Stop the node and restore the newest backup with `psi-node restore`."


def check_database(settings: Settings) -> Finding:
    """SQLite's own check of every page, and that this version can read the schema."""
    try:
        with reading(settings.data_dir) as db:
            problems = [str(row[0]) for row in db.conn.execute("PRAGMA quick_check(3)")]
            (schema,) = db.conn.execute("PRAGMA user_version").fetchone()
            (pages,) = db.conn.execute("PRAGMA page_count").fetchone()
    except StoreError as error:
        return fault("database", f"{error.message}.", _RESTORE)
    if problems != ["ok"]:
        # Not SQLite's own words: they may quote a row.
        return fault("database", "SQLite finds the database damaged.", _RESTORE)
    if schema > (newest := max(migrations())):
        return fault(
            "database",
            f"The database has schema {schema}; this version knows {newest}.",
            "Install the newer version that made it.",
        )
    return ok("database", f"The database is whole ({pages:,} pages, schema {schema}).")


def check_log(settings: Settings, own: Verifier) -> Finding:
    """The whole tree, and that it extends the head file. The head is read first: the log may grow meanwhile."""
    head_file = HeadFile(settings.head_path)
    try:
        head = head_file.read()
        with reading(settings.data_dir) as db:
            size = check_tree(db)
            if "restorations" in db.table_names():
                check_recovered(db)
            if "past_logs" in db.table_names():
                check_in_place(db, own)
                check_not_succeeded(db, size)
            if head is None:
                return fault(
                    "log", f"The head file {head_file.path} is missing.", "Put it back; nothing is signed."
                )
            if head.origin != own.name:
                return fault(
                    "log",
                    f"The head file {head_file.path} is another log's.",
                    "Set head_file to this log's own.",
                )
            check_extends(db, head, f"the head file {head_file.path}")
    except NodeRefusing as error:
        return fault("log", f"{error.message}.", _LOG)
    except StoreError as error:
        return fault("log", f"{error.message}.", _RESTORE)
    return ok("log", f"The log is whole ({size:,} entries) and extends its head file.")


def check_times(settings: Settings, now: datetime) -> Finding | None:
    """The log's newest entry against this host's clock: a clock that was set back shows here. None: nothing to say."""
    with reading(settings.data_dir) as db:
        (size,) = db.conn.execute("SELECT count(*) FROM log_entries").fetchone()
        data = read_entry(db, size - 1) if size else b""
        newest = Entry.decode(data).time if data else ""
    if newest > instant(now + MAX_BACKWARDS):
        return fault(
            "clock",
            f"The log's newest entry is of {newest}, which this host's clock has not reached.",
            "Let the host keep its time by NTP.",
        )
    return None


def check_jobs(settings: Settings, now: datetime) -> Iterator[Finding]:
    """One line for each job whose time has passed."""
    with reading(settings.data_dir) as db:
        if "jobs" not in db.table_names():
            return
        late = late_jobs(db, now)
        (count,) = db.conn.execute("SELECT count(*) FROM jobs WHERE paused IS NULL").fetchone()
    for number, peer, due in late:
        yield warning(
            "jobs",
            f"Job {number} with {peer} was due at {due} and has not begun.",
            f"Is the node running? `psi jobs show {number}` says how its last run ended.",
        )
    if not late:
        yield ok("jobs", f"None of {count:,} jobs is late.")

-- What backups, restores and erasure leave behind.

-- A log that came back from a backup: nothing is signed until it has been recovered from what the peers keep.
CREATE TABLE restorations (
  id         INTEGER PRIMARY KEY,
  restored   TEXT NOT NULL,
  made       TEXT NOT NULL,               -- when the backup was made
  size       INTEGER NOT NULL,            -- entries of the log that came back
  recovered  TEXT                         -- NULL: not yet
) STRICT;

-- Budget lines of periods in which sessions may have run that the restored ledger does not know.
CREATE TABLE withheld_budgets (
  agreement    BLOB NOT NULL,
  match_key    TEXT NOT NULL,
  receiver     TEXT NOT NULL,
  period       INTEGER NOT NULL,
  evaluations  INTEGER NOT NULL,          -- counts as spent
  PRIMARY KEY (agreement, match_key, receiver, period)
) STRICT, WITHOUT ROWID;

-- So that a backup from before an erasure does not bring the actor back.
CREATE TABLE erased_actors (
  lookup  BLOB PRIMARY KEY,               -- HMAC(data key, reference)
  erased  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

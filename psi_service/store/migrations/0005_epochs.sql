-- Engine `oprf`: our keys, one per agreement, match key and epoch; and the statements of peers' keys that we have seen.

CREATE TABLE epoch_keys (
  agreement    BLOB NOT NULL,
  match_key    TEXT NOT NULL,
  epoch        INTEGER NOT NULL,          -- from 1
  secret       BLOB,                      -- sealed; NULL once the epoch has ended. In no backup.
  statement    TEXT NOT NULL,
  position     INTEGER NOT NULL,          -- of the log entry that commits it
  evaluations  INTEGER NOT NULL DEFAULT 0,
  tags         INTEGER NOT NULL DEFAULT 0,
  created      TEXT NOT NULL,
  ended        TEXT,
  PRIMARY KEY (agreement, match_key, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE peer_epoch_keys (
  lab          TEXT NOT NULL,
  agreement    BLOB NOT NULL,
  match_key    TEXT NOT NULL,
  epoch        INTEGER NOT NULL,
  statement    TEXT NOT NULL,
  seen         TEXT NOT NULL,
  PRIMARY KEY (lab, agreement, match_key, epoch)
) STRICT, WITHOUT ROWID;

ALTER TABLE sessions ADD COLUMN chunks TEXT;  -- JSON list, per lane null or {"root", "count"} of its proven chunks

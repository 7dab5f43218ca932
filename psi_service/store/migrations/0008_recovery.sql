-- What a log that was lost is recovered from, and logs that this node has closed.

-- As a peer: the other lab's log, kept for it. Leaf hashes of the whole log in tiles of 256, entries of the pair alone.
CREATE TABLE mirrored_logs (
  origin    TEXT PRIMARY KEY,
  lab       TEXT NOT NULL,
  size      INTEGER NOT NULL,
  note      BLOB NOT NULL,                -- the lab's own checkpoint of that size
  frontier  BLOB NOT NULL,                -- psi_core.log.frontier
  weight    INTEGER NOT NULL,             -- bytes of entries that are kept
  updated   TEXT NOT NULL
) STRICT;

CREATE TABLE mirrored_tiles (
  origin    TEXT NOT NULL,
  position  INTEGER NOT NULL,             -- of the tile, from 0
  hashes    BLOB NOT NULL,                -- 1 to 256 leaf hashes
  PRIMARY KEY (origin, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE mirrored_entries (
  origin    TEXT NOT NULL,
  position  INTEGER NOT NULL,
  data      BLOB NOT NULL,
  PRIMARY KEY (origin, position)
) STRICT;

-- Logs that ended: each named its successor, or was lost and has one all the same. Whole, so that they can be exported.
CREATE TABLE past_logs (
  origin      TEXT PRIMARY KEY,
  key         TEXT NOT NULL,              -- verifier key
  successor   TEXT NOT NULL,              -- the next log's verifier key
  checkpoint  BLOB NOT NULL,              -- the last one, with cosignatures; empty until the log is put away
  size        INTEGER NOT NULL,           -- of that checkpoint
  closed      TEXT NOT NULL,
  put_away    TEXT                        -- when the next log began; NULL: not yet
) STRICT;

CREATE TABLE past_log_entries (
  origin    TEXT NOT NULL,
  position  INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  peer      TEXT,
  data      BLOB NOT NULL,
  PRIMARY KEY (origin, position)
) STRICT;

CREATE TABLE past_log_nodes (
  origin    TEXT NOT NULL,
  level     INTEGER NOT NULL,
  position  INTEGER NOT NULL,
  hash      BLOB NOT NULL,
  PRIMARY KEY (origin, level, position)
) STRICT, WITHOUT ROWID;

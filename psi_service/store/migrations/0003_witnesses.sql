-- As a witness: the newest checkpoint of each log that this node cosigned, whole, with its own cosignature.
CREATE TABLE witnessed_logs (
  origin    TEXT PRIMARY KEY,
  size      INTEGER NOT NULL,
  note      BLOB NOT NULL,
  cosigned  TEXT NOT NULL
) STRICT;

-- As a log: the size that each witness cosigned last, from where the next proof for it starts.
CREATE TABLE log_witnesses (
  witness  TEXT PRIMARY KEY,
  size     INTEGER NOT NULL
) STRICT;

-- As a log: own checkpoints that came back with a witness's cosignature.
CREATE TABLE cosigned_checkpoints (
  witness   TEXT NOT NULL,
  size      INTEGER NOT NULL,
  note      BLOB NOT NULL,
  received  TEXT NOT NULL,
  PRIMARY KEY (witness, size)
) STRICT, WITHOUT ROWID;

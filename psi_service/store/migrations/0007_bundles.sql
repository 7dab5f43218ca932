-- Engine `oprf`: the chunks behind a record, for an auditor. They lie in sealed files beside the store.

CREATE TABLE bundles (
  session_id   TEXT NOT NULL REFERENCES sessions (session_id),
  lane         INTEGER NOT NULL,
  agreement    BLOB NOT NULL,
  match_key    TEXT NOT NULL,
  items        INTEGER NOT NULL,          -- evaluated in this lane
  file         TEXT NOT NULL UNIQUE,      -- name in <data>/bundles
  bytes        INTEGER NOT NULL,
  kept_until   TEXT NOT NULL,             -- as the agreement says
  PRIMARY KEY (session_id, lane)
) STRICT, WITHOUT ROWID;
CREATE INDEX bundles_by_time ON bundles (kept_until);

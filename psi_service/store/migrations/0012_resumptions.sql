-- Engine `oprf`: what a session needs to go on after a break, while it may still. It lies in a sealed file beside the
-- store. A session of state `open` with a `since` is suspended; the row goes at the barrier, or with the session.

CREATE TABLE resumptions (
  session_id  TEXT PRIMARY KEY REFERENCES sessions (session_id),
  agreement   BLOB NOT NULL,
  peer        TEXT NOT NULL,
  file        TEXT NOT NULL UNIQUE,       -- name in <data>/resumptions
  until       TEXT NOT NULL,              -- not resumed from then on
  total       INTEGER NOT NULL,           -- chunks of all lanes
  answered    INTEGER NOT NULL DEFAULT 0, -- of these, those that were answered when it broke off
  since       TEXT,                       -- when it broke off; NULL: it runs
  resumed     INTEGER NOT NULL DEFAULT 0  -- how often it has gone on
) STRICT, WITHOUT ROWID;

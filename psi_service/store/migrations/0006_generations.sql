-- Engine `oprf`: what an epoch keeps from one run to the next. The state itself lies in a sealed file beside the store.

CREATE TABLE generations (
  id           INTEGER PRIMARY KEY,
  agreement    BLOB NOT NULL,
  match_key    TEXT NOT NULL,
  sender       TEXT NOT NULL,             -- the lab whose key serves
  epoch        INTEGER NOT NULL,
  statement    TEXT NOT NULL,             -- of that key
  number       INTEGER NOT NULL,          -- from 1
  hash         BLOB NOT NULL,             -- the generation's, as the record states it
  session_id   TEXT NOT NULL REFERENCES sessions (session_id),
  file         TEXT NOT NULL UNIQUE,      -- name in <data>/generations
  file_hash    BLOB NOT NULL,             -- SHA-256 of the sealed file
  held         INTEGER                    -- rank by completion; NULL until the record has both signatures
) STRICT;
CREATE INDEX generations_by_session ON generations (session_id);

-- A dummy that is not in the set now, and keeps its salt for a set of a later session.
ALTER TABLE members ADD COLUMN spare INTEGER NOT NULL DEFAULT 0;

ALTER TABLE session_lanes ADD COLUMN run TEXT;  -- engine `oprf`: in words, a full run and why, or an incremental one

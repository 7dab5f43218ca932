-- Engine `oprf`: a generation is a chain of sealed files, a base and what each run since has changed. What was cached
-- in whole files is dropped: the next run is full.

DROP TABLE generations;
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
  held         INTEGER                    -- rank by completion; NULL until the record has both signatures
) STRICT;
CREATE INDEX generations_by_session ON generations (session_id);

-- Generations that follow on one another name the same files.
CREATE TABLE generation_segments (
  generation   INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
  place        INTEGER NOT NULL,          -- 0: the base
  file         TEXT NOT NULL,             -- name in <data>/generations
  file_hash    BLOB NOT NULL,             -- SHA-256 of the sealed file
  rows         INTEGER NOT NULL,          -- items in it
  PRIMARY KEY (generation, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX generation_segments_by_file ON generation_segments (file);

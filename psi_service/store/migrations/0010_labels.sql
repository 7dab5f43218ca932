-- What a lab says of its indicators in words is sealed for the actor that it is said of. Labels of earlier versions
-- lay here in clear and were shown nowhere: they go, and come back with the next import of their file.
PRAGMA secure_delete = ON;
ALTER TABLE indicators DROP COLUMN label;
ALTER TABLE staged_indicators DROP COLUMN label;
PRAGMA secure_delete = OFF;
ALTER TABLE indicators ADD COLUMN severity BLOB;
ALTER TABLE indicators ADD COLUMN campaign BLOB;
ALTER TABLE indicators ADD COLUMN label BLOB;
ALTER TABLE staged_indicators ADD COLUMN severity BLOB;
ALTER TABLE staged_indicators ADD COLUMN campaign BLOB;
ALTER TABLE staged_indicators ADD COLUMN label BLOB;

-- What a peer said of the indicator that matched: sealed, for the peer, match key and fingerprint. NULL: nothing came.
ALTER TABLE session_matches ADD COLUMN label BLOB;
ALTER TABLE matches ADD COLUMN label BLOB;

-- Matches by their tag whose label did not open.
ALTER TABLE session_lanes ADD COLUMN unopened INTEGER NOT NULL DEFAULT 0;

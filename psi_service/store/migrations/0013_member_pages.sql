-- Elements of the frozen sets lie side by side, some hundreds in a row, as a session reads them: all at once.
CREATE TABLE member_pages (
  peer       TEXT NOT NULL,
  match_key  TEXT NOT NULL,
  first      BLOB NOT NULL,               -- no element of the page is smaller; empty for the first page of a set
  elements   BLOB NOT NULL,               -- 32 bytes each, ascending
  salts      BLOB NOT NULL,               -- 16 bytes each, in the same order
  PRIMARY KEY (peer, match_key, first)
) STRICT;
INSERT INTO member_pages
  SELECT peer, match_key, iif(page = 0, x'', min(fingerprint)),
    CAST(group_concat(fingerprint, '') AS BLOB), CAST(group_concat(salt, '') AS BLOB)
  FROM (
    SELECT *, (row_number() OVER (PARTITION BY peer, match_key ORDER BY fingerprint) - 1) / 256 AS page
    FROM members WHERE dummy = 0 ORDER BY peer, match_key, fingerprint
  )
  GROUP BY peer, match_key, page;

-- Dummies are few beside them, and each proves itself by its salt.
CREATE TABLE dummies (
  peer       TEXT NOT NULL,
  match_key  TEXT NOT NULL,
  dummy      BLOB NOT NULL,               -- SHA-256("psi-dummy/v1", salt)
  salt       BLOB NOT NULL,               -- 16 bytes
  spare      INTEGER NOT NULL DEFAULT 0,  -- not in the set now: it keeps its salt for a set of a later session
  PRIMARY KEY (peer, match_key, dummy)
) STRICT, WITHOUT ROWID;
INSERT INTO dummies SELECT peer, match_key, fingerprint, salt, spare FROM members WHERE dummy = 1;
-- Nothing of what is purged later may lie where it was.
PRAGMA secure_delete = ON;
DROP TABLE members;
PRAGMA secure_delete = OFF;

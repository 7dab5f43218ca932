-- The node's whole store. Times are RFC 3339 text in UTC with a final Z. Hashes and fingerprints are 32-byte BLOBs.
-- No raw indicator value is stored anywhere; an actor's reference is sealed (AES-GCM under the data key).

CREATE TABLE tokens (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL,
  hash     BLOB NOT NULL UNIQUE,          -- SHA-256 of the bearer token
  role     TEXT NOT NULL CHECK (role IN ('operator', 'analyst', 'auditor')),
  created  TEXT NOT NULL,
  expires  TEXT,
  revoked  TEXT
) STRICT;

CREATE TABLE consortium_keys (
  key_id   TEXT PRIMARY KEY,              -- 16 hex digits, see psi_core.kinds.fingerprint.key_id
  name     TEXT NOT NULL,
  profile  TEXT NOT NULL,
  sealed   BLOB NOT NULL,                 -- the 32-byte key, AES-GCM under the data key
  origin   TEXT NOT NULL,                 -- the lab that created it
  current  INTEGER NOT NULL DEFAULT 1,
  created  TEXT NOT NULL
) STRICT;

CREATE TABLE peers (
  lab          TEXT PRIMARY KEY,
  card         BLOB NOT NULL,             -- the signed note
  fingerprint  BLOB NOT NULL,             -- SHA-256 of the card's text
  certificate  BLOB NOT NULL,             -- SHA-256 of the TLS leaf certificate (DER)
  added        TEXT NOT NULL,
  removed      TEXT
) STRICT;

-- What a peer delivered and a person has not answered: `waiting for you`.
CREATE TABLE inbox (
  hash      BLOB PRIMARY KEY,             -- text hash of the note
  type      TEXT NOT NULL,                -- psi-invite/v1, psi-agreement/v1
  lab       TEXT NOT NULL,                -- who sent it
  note      BLOB NOT NULL,
  state     TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done')),
  received  TEXT NOT NULL
) STRICT;

CREATE TABLE agreements (
  hash        BLOB PRIMARY KEY,           -- text hash
  peer        TEXT NOT NULL,
  title       TEXT NOT NULL,
  note        BLOB NOT NULL,              -- with one signature (proposed) or both (in force)
  state       TEXT NOT NULL CHECK (state IN ('proposed', 'waiting', 'in_force', 'revoked')),
  created     TEXT NOT NULL,
  revocation  BLOB
) STRICT;

CREATE TABLE imports (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,              -- the file's name, for people
  state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'refused', 'failed')),
  rows        INTEGER NOT NULL DEFAULT 0,
  kept        INTEGER NOT NULL DEFAULT 0,
  refused     INTEGER NOT NULL DEFAULT 0,
  actors      INTEGER NOT NULL DEFAULT 0,
  indicators  INTEGER NOT NULL DEFAULT 0,
  started     TEXT NOT NULL,
  finished    TEXT
) STRICT;

CREATE TABLE actors (
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: a match must not fall on another actor
  lookup     BLOB NOT NULL UNIQUE,        -- HMAC(data key, reference)
  reference  BLOB NOT NULL,               -- sealed
  created    TEXT NOT NULL
) STRICT;

CREATE TABLE indicators (
  actor        INTEGER NOT NULL REFERENCES actors (id) ON DELETE CASCADE,
  kind         TEXT NOT NULL,
  fingerprint  BLOB NOT NULL,
  derived      INTEGER NOT NULL DEFAULT 0,
  first_seen   TEXT,
  last_seen    TEXT,
  confidence   INTEGER,
  tlp          TEXT,
  label        TEXT,
  expires_at   TEXT,
  PRIMARY KEY (actor, kind, fingerprint)
) STRICT, WITHOUT ROWID;
-- In the order in which sets are frozen, and in which actors arrive: by fingerprint, every import would write every page.
CREATE INDEX indicators_by_kind ON indicators (kind, actor, fingerprint, expires_at);

-- Rows of a `--strict` import wait here until the whole file has been read.
CREATE TABLE staged_indicators (
  import       INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
  lookup       BLOB NOT NULL,
  reference    BLOB NOT NULL,
  kind         TEXT NOT NULL,
  fingerprint  BLOB NOT NULL,
  derived      INTEGER NOT NULL,
  first_seen   TEXT,
  last_seen    TEXT,
  confidence   INTEGER,
  tlp          TEXT,
  label        TEXT,
  expires_at   TEXT
) STRICT;
CREATE INDEX staged_by_import ON staged_indicators (import);

-- Salts of a match key's set towards one peer: drawn when an element enters, kept until it leaves.
CREATE TABLE members (
  peer         TEXT NOT NULL,
  match_key    TEXT NOT NULL,
  fingerprint  BLOB NOT NULL,             -- a dummy's is SHA-256("psi-dummy/v1", salt)
  salt         BLOB NOT NULL,             -- 16 bytes
  dummy        INTEGER NOT NULL,
  PRIMARY KEY (peer, match_key, fingerprint)
) STRICT, WITHOUT ROWID;

-- Per ordered pair: the last counter spent, the initiator's Offer that spent it, and the last full record's hash.
CREATE TABLE counters (
  initiator  TEXT NOT NULL,
  responder  TEXT NOT NULL,
  highest    INTEGER NOT NULL,
  offer      BLOB NOT NULL,               -- the signed note
  previous   BLOB NOT NULL,               -- 32 bytes, zeros at first
  PRIMARY KEY (initiator, responder)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  session_id   TEXT PRIMARY KEY,
  agreement    BLOB NOT NULL,
  peer         TEXT NOT NULL,
  initiator    TEXT NOT NULL,
  responder    TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('offered', 'refused', 'open', 'pending', 'complete', 'fault', 'aborted')),
  direction    TEXT NOT NULL,
  reveal       TEXT NOT NULL,
  period       INTEGER NOT NULL,
  counter      INTEGER NOT NULL,
  offer        BLOB NOT NULL,             -- signed notes, whole
  accept       BLOB,
  refuse       BLOB,
  own_pre_record   BLOB,
  peer_pre_record  BLOB,
  sent_transcript      BLOB,              -- final, before the last completing frame leaves
  received_transcript  BLOB,
  own_results  TEXT,                      -- JSON list, one 32-byte hex value per lane
  salts        TEXT,                      -- JSON list, the salts of own committed results
  record       BLOB,                      -- one signature while pending, both when complete
  abort        BLOB,
  late         INTEGER NOT NULL DEFAULT 0,
  reason       TEXT,                      -- in words, when refused, aborted or at fault
  started      TEXT NOT NULL,
  pre_recorded TEXT,                      -- when the first pre-record was logged (minimum interval)
  finished     TEXT
) STRICT;
CREATE INDEX sessions_by_pair ON sessions (initiator, responder, counter);

-- What each other lab was allowed to evaluate, per budget line. Never returned.
CREATE TABLE debits (
  session_id   TEXT NOT NULL REFERENCES sessions (session_id),
  lane         INTEGER NOT NULL,
  agreement    BLOB NOT NULL,
  match_key    TEXT NOT NULL,
  receiver     TEXT NOT NULL,             -- the lab that learns
  period       INTEGER NOT NULL,
  evaluations  INTEGER NOT NULL,
  PRIMARY KEY (session_id, lane, receiver)
) STRICT, WITHOUT ROWID;
CREATE INDEX debits_by_budget ON debits (agreement, match_key, receiver, period);

-- Per session and lane: what this side learned (count) and the sizes, for `psi sessions show`.
CREATE TABLE session_lanes (
  session_id   TEXT NOT NULL REFERENCES sessions (session_id),
  lane         INTEGER NOT NULL,
  match_key    TEXT NOT NULL,
  engine       TEXT NOT NULL,
  own_size     INTEGER NOT NULL,          -- padded
  peer_size    INTEGER,
  matched      INTEGER,                   -- own result; NULL until it may be shown
  PRIMARY KEY (session_id, lane)
) STRICT, WITHOUT ROWID;

-- Own fingerprints that a session matched. `pending` rows are shown only once the record has both signatures.
CREATE TABLE session_matches (
  session_id   TEXT NOT NULL REFERENCES sessions (session_id),
  match_key    TEXT NOT NULL,
  fingerprint  BLOB NOT NULL,
  actor        INTEGER NOT NULL REFERENCES actors (id) ON DELETE CASCADE,
  PRIMARY KEY (session_id, match_key, fingerprint, actor)
) STRICT, WITHOUT ROWID;

CREATE TABLE matches (
  peer         TEXT NOT NULL,
  actor        INTEGER NOT NULL REFERENCES actors (id) ON DELETE CASCADE,
  match_key    TEXT NOT NULL,
  fingerprint  BLOB NOT NULL,
  first_session TEXT NOT NULL,
  last_session  TEXT NOT NULL,
  status       TEXT NOT NULL DEFAULT 'to review' CHECK (status IN ('to review', 'confirmed', 'false positive')),
  noted        TEXT,
  PRIMARY KEY (peer, actor, match_key, fingerprint)
) STRICT, WITHOUT ROWID;

-- The log (RFC 6962): entries as they were written, and the hash of every complete subtree.
CREATE TABLE log_entries (
  position  INTEGER PRIMARY KEY,          -- from 0
  kind      TEXT NOT NULL,
  peer      TEXT,                         -- whose pair it belongs to, NULL when own only
  data      BLOB NOT NULL                 -- JCS
) STRICT;

CREATE TABLE log_nodes (
  level     INTEGER NOT NULL,             -- 0: leaf hashes
  position  INTEGER NOT NULL,
  hash      BLOB NOT NULL,
  PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE own_checkpoints (
  size    INTEGER PRIMARY KEY,
  note    BLOB NOT NULL,
  signed  TEXT NOT NULL
) STRICT;

CREATE TABLE peer_checkpoints (
  lab       TEXT NOT NULL,
  origin    TEXT NOT NULL,
  size      INTEGER NOT NULL,
  note      BLOB NOT NULL,                -- whole, as signed
  received  TEXT NOT NULL,
  PRIMARY KEY (lab, origin, size)
) STRICT, WITHOUT ROWID;

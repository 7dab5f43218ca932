-- Sessions on a timer. The table is the truth: alarms in memory are filled from it when the node starts.

CREATE TABLE jobs (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number is never given twice
  peer        TEXT NOT NULL,
  agreement   BLOB,                       -- text hash; NULL: the only one in force when it runs
  direction   TEXT CHECK (direction IN ('initiator', 'responder', 'both')),  -- NULL: everyone who may learn
  reveal      TEXT NOT NULL CHECK (reveal IN ('items', 'count')),
  match_keys  TEXT,                       -- JSON list; NULL: every agreed one
  engine      TEXT NOT NULL,
  cron        TEXT NOT NULL,
  zone        TEXT NOT NULL,              -- IANA name
  command     TEXT,                       -- JSON list: program and arguments, run when something is new
  url         TEXT,                       -- told when something is new
  created     TEXT NOT NULL,
  paused      TEXT,                       -- since when; NULL: it runs
  next_due    TEXT,                       -- NULL while paused
  dues        INTEGER NOT NULL DEFAULT 0, -- due times that have come: each is covered by one run, or an overlap
  misfires    INTEGER NOT NULL DEFAULT 0, -- of these, those that came while the node was down
  overlaps    INTEGER NOT NULL DEFAULT 0, -- of these, those that came while the run before was still going
  new_since   TEXT,                       -- what is new is counted from here: when the last good run was counted
  new_after   TEXT                        -- ... and without this session, which was in that count
) STRICT;

CREATE TABLE job_runs (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  job         INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  asked       INTEGER NOT NULL,           -- 1: by a person, 0: by the schedule
  due         TEXT,                       -- the newest due time that it stands for
  covers      INTEGER NOT NULL,           -- due times that it stands for
  times       INTEGER NOT NULL DEFAULT 1, -- runs in a row that ended badly in the same way are one row
  started     TEXT NOT NULL,
  finished    TEXT,
  state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'refused', 'failed', 'interrupted')),
  code        TEXT,                       -- the rule that refused, or the error's code
  words       TEXT,
  attempts    INTEGER NOT NULL DEFAULT 0,
  session_id  TEXT,
  actors      INTEGER,
  new         INTEGER,
  new_in      TEXT,                       -- JSON list of session ids
  matched     TEXT,                       -- JSON object: match key to count
  told        TEXT                        -- what became of telling that something is new
) STRICT;
CREATE INDEX job_runs_by_job ON job_runs (job, id);

//! The tables of `forerun.db`.

/// SQLite's application id of our files: "FRrn".
pub(crate) const APPLICATION_ID: i64 = 0x4652_726E;
/// Raised with every change that an older program cannot read.
pub(crate) const VERSION: i64 = 1;

/// Makes the tables in a new file. Figures come before bodies, so that listing rows does not read the bodies.
pub(crate) const CREATE: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE model (digest BLOB PRIMARY KEY, saved INTEGER NOT NULL, weights BLOB NOT NULL);

CREATE TABLE series (
    target TEXT NOT NULL, metric INTEGER NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, sum INTEGER NOT NULL,
    PRIMARY KEY (target, metric, name)
) WITHOUT ROWID;
CREATE TABLE layout (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE tail (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE shard (id INTEGER PRIMARY KEY, newest BLOB NOT NULL);
CREATE TABLE pack (
    id INTEGER PRIMARY KEY, level INTEGER NOT NULL, generation INTEGER NOT NULL, run INTEGER NOT NULL,
    series_first INTEGER NOT NULL, series_last INTEGER NOT NULL, time_first INTEGER NOT NULL, time_last INTEGER NOT NULL,
    points INTEGER NOT NULL, blocks INTEGER NOT NULL, bytes INTEGER NOT NULL, sum INTEGER NOT NULL, body BLOB NOT NULL
);

CREATE TABLE decision (
    ticket INTEGER PRIMARY KEY AUTOINCREMENT, wall INTEGER NOT NULL, target TEXT NOT NULL, resource INTEGER NOT NULL,
    acts INTEGER NOT NULL, applied INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0,
    undoes INTEGER, undone_by INTEGER, gone INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL
);
CREATE INDEX decision_target ON decision (target, ticket);
CREATE INDEX decision_standing ON decision (target, resource, ticket) WHERE applied = 1 AND gone = 0;
CREATE INDEX decision_unfinished ON decision (ticket) WHERE acts = 1 AND finished = 0;
CREATE TABLE outcome (id INTEGER PRIMARY KEY, ticket INTEGER NOT NULL, wall INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX outcome_ticket ON outcome (ticket, id);
";

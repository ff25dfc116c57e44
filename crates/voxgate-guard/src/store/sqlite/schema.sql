-- Who holds which room.
CREATE TABLE rooms (
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    owner     TEXT NOT NULL,
    token     INTEGER NOT NULL, -- 64 bits, as a signed number
    session   TEXT,
    fence     INTEGER NOT NULL,
    since     INTEGER NOT NULL, -- microseconds since 1970, as all times here
    expires   INTEGER NOT NULL,
    PRIMARY KEY (namespace, name)
) WITHOUT ROWID;
CREATE INDEX rooms_of_owner ON rooms (namespace, owner);

-- Resources whose slots are held, with their holders, as JSON.
CREATE TABLE pools (
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    pool      TEXT NOT NULL,
    stale     INTEGER NOT NULL, -- from then on the row says nothing
    PRIMARY KEY (namespace, name)
) WITHOUT ROWID;

-- What was spent of an allowance, as JSON; `kind` is its window.
CREATE TABLE budgets (
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    kind      TEXT NOT NULL,
    budget    TEXT NOT NULL,
    stale     INTEGER NOT NULL,
    PRIMARY KEY (namespace, name, kind)
) WITHOUT ROWID;

-- Heartbeats, as JSON.
CREATE TABLE workers (
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    report    TEXT NOT NULL,
    since     INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    PRIMARY KEY (namespace, name)
) WITHOUT ROWID;

-- The latest time and the highest fencing token.
CREATE TABLE clocks (
    namespace  TEXT PRIMARY KEY,
    now        INTEGER NOT NULL,
    last_fence INTEGER NOT NULL
) WITHOUT ROWID;

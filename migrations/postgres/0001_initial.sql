-- The ledger: written once, never changed.
CREATE TABLE entry (
    seq     BIGINT PRIMARY KEY,
    time    BIGINT NOT NULL,              -- microseconds since 1970, UTC
    actor   TEXT COLLATE "C"   NOT NULL,
    event   TEXT COLLATE "C"   NOT NULL,
    model   TEXT COLLATE "C",
    version BIGINT,
    bytes   BYTEA   NOT NULL,
    hash    BYTEA   NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX entry_model ON entry (model, seq);
CREATE INDEX entry_version ON entry (model, version, seq);
CREATE INDEX entry_actor ON entry (actor, seq);
CREATE INDEX entry_event ON entry (event, seq);
CREATE INDEX entry_time ON entry (time, seq);

-- The Merkle tree, as tlog-tiles; only the right-most tile of a level ever changes, by growing.
CREATE TABLE tile (
    level  BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hashes BYTEA   NOT NULL CHECK (length(hashes) % 32 = 0),
    PRIMARY KEY (level, number)
);

-- The end of the chain: one row, locked by whoever seals.
CREATE TABLE head (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    size       BIGINT NOT NULL,
    last       BYTEA   NOT NULL CHECK (length(last) = 32),
    time       BIGINT NOT NULL,
    checkpoint TEXT COLLATE "C"   NOT NULL
);

-- States folded from the entries; can be dropped and rebuilt.
CREATE TABLE aggregate (
    id    TEXT COLLATE "C" PRIMARY KEY,
    state TEXT COLLATE "C" NOT NULL
);

-- Views: what pages list, filter and sort; can be dropped and rebuilt.
CREATE TABLE model_view (
    name          TEXT COLLATE "C" PRIMARY KEY,
    title         TEXT COLLATE "C"   NOT NULL,
    tier          TEXT COLLATE "C"   NOT NULL,
    profile       TEXT COLLATE "C"   NOT NULL,
    owner         TEXT COLLATE "C"   NOT NULL,
    versions      BIGINT NOT NULL,
    markets       TEXT COLLATE "C"   NOT NULL,        -- JSON list
    champions     TEXT COLLATE "C"   NOT NULL,        -- JSON object: market to version
    registered_at BIGINT NOT NULL
);
CREATE INDEX model_view_tier ON model_view (tier, name);
CREATE INDEX model_view_registered ON model_view (registered_at, name);

CREATE TABLE version_view (
    model         TEXT COLLATE "C"   NOT NULL,
    number        BIGINT NOT NULL,
    stage         TEXT COLLATE "C"   NOT NULL,        -- the furthest in any market
    tracks        TEXT COLLATE "C"   NOT NULL,        -- JSON object: market to stage
    note          TEXT COLLATE "C"   NOT NULL,
    origin        TEXT COLLATE "C" UNIQUE,
    registered_by TEXT COLLATE "C"   NOT NULL,
    registered_at BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (model, number)
);
CREATE INDEX version_view_stage ON version_view (model, stage, number);

CREATE TABLE work_item (
    model    TEXT COLLATE "C"   NOT NULL,
    version  BIGINT NOT NULL,
    kind     TEXT COLLATE "C"   NOT NULL,             -- sign, validate, remediate, verify, requested
    number   BIGINT NOT NULL,             -- of the request or finding
    slot     TEXT COLLATE "C"   NOT NULL,             -- the role or account that it waits for
    title    TEXT COLLATE "C"   NOT NULL,
    severity TEXT COLLATE "C",                        -- of a finding
    since    BIGINT NOT NULL,
    due_at   BIGINT NOT NULL,
    PRIMARY KEY (model, version, kind, number, slot)
);
CREATE INDEX work_item_slot ON work_item (slot, due_at);

-- Secrets and personal data: beside the ledger, never in it, erasable.
CREATE TABLE login (
    account  TEXT COLLATE "C" PRIMARY KEY,
    email    TEXT COLLATE "C" NOT NULL UNIQUE,        -- lower case
    password TEXT COLLATE "C" NOT NULL                -- argon2id, PHC string
);
CREATE TABLE vault (
    account TEXT COLLATE "C" NOT NULL,
    field   TEXT COLLATE "C" NOT NULL,
    value   TEXT COLLATE "C" NOT NULL,
    salt    BYTEA NOT NULL CHECK (length(salt) = 32),
    PRIMARY KEY (account, field)
);
CREATE TABLE token_secret (
    id      TEXT COLLATE "C" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    hash    BYTEA NOT NULL CHECK (length(hash) = 32)
);
CREATE TABLE session (
    hash       BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    account    TEXT COLLATE "C"   NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account);

-- What was answered to a request that may be repeated.
CREATE TABLE idempotency (
    account TEXT COLLATE "C"   NOT NULL,
    key     TEXT COLLATE "C"   NOT NULL,
    request BYTEA   NOT NULL,              -- digest of what was asked
    receipt TEXT COLLATE "C"   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE setting (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- The empty log: SHA-256 of nothing before the first entry.
INSERT INTO head (id, size, last, time, checkpoint)
VALUES (1, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, '');

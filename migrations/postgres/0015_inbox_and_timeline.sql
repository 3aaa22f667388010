-- What waits on a market's deployment stands beside everything else that waits: with the market, perhaps without a date,
-- and perhaps not for whoever acted. The table is a view of the states; its rows are kept.
CREATE TABLE work_item_wider (
    model    TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    kind     TEXT   NOT NULL,
    number   BIGINT NOT NULL,
    slot     TEXT   NOT NULL,             -- the role or account that it waits for
    title    TEXT   NOT NULL,
    severity TEXT,                        -- of a finding
    since    BIGINT NOT NULL,
    due_at   BIGINT,                      -- null where no rule sets a date
    market   TEXT   NOT NULL DEFAULT '',  -- of a deployment, else empty
    not_for  TEXT,                        -- an account that it does not wait for, though it may hold the role
    PRIMARY KEY (model, version, kind, number, market, slot)
);
INSERT INTO work_item_wider (model, version, kind, number, slot, title, severity, since, due_at, market)
SELECT model, version, kind, number, slot, title, severity, since, due_at, '' FROM work_item;
DROP TABLE work_item;
ALTER TABLE work_item_wider RENAME TO work_item;
CREATE INDEX work_item_slot ON work_item (slot, due_at);
CREATE INDEX work_item_kind ON work_item (kind, number);

-- Versions that an entry concerns though its subject is the deployment of a market; can be dropped and rebuilt.
CREATE TABLE entry_about (
    model   TEXT   NOT NULL,
    version BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    PRIMARY KEY (model, version, seq)
);

-- What earlier entries call for in these tables is written when the program starts: see `Service::open`.
INSERT INTO setting (name, value) SELECT 'views', 'stale' FROM head WHERE size > 0;

-- What each version was made of, one input a row, so that an input leads to the versions made of it; and which users
-- each version answers and ever answered. Derived from the entries, can be dropped and rebuilt.
CREATE TABLE lineage_input (
    model   TEXT   NOT NULL,
    version BIGINT NOT NULL,
    kind    TEXT   NOT NULL,             -- dataset, partition, data_digest, feature, commit, image, run, weights, parent
    value   TEXT   NOT NULL,
    part    TEXT   NOT NULL,             -- of a partition its version, of a run its system, of a parent its model
    PRIMARY KEY (model, version, kind, value, part)
);
CREATE INDEX lineage_input_value ON lineage_input (kind, value, part, model, version);

CREATE TABLE exposure (
    model         TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    market        TEXT   NOT NULL,
    percent       BIGINT NOT NULL,       -- of users that it answers now
    peak          BIGINT NOT NULL,       -- the most that it ever answered
    first_at      BIGINT NOT NULL,
    first_entry   BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL,
    changed_entry BIGINT NOT NULL,
    PRIMARY KEY (model, version, market)
);

-- What earlier entries call for in these tables is written when the program starts: see `Service::open`.
INSERT INTO setting (name, value) SELECT 'views', 'stale' FROM head WHERE size > 0
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

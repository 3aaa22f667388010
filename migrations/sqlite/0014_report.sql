-- Reports that are made while nobody waits: what was asked for, how far it is, and what came of it.
CREATE TABLE report_job (
    id          TEXT PRIMARY KEY,
    account     TEXT NOT NULL,
    asked       TEXT NOT NULL,            -- JSON
    state       TEXT NOT NULL,             -- waiting, running, done, failed
    done        BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    problem     TEXT,                     -- why it failed
    created_at  BIGINT NOT NULL,
    lease_until BIGINT NOT NULL           -- until when a running job counts as alive
);
CREATE INDEX report_job_account ON report_job (account, created_at);
CREATE INDEX report_job_state ON report_job (state, created_at);
CREATE TABLE report_file (
    job    TEXT NOT NULL REFERENCES report_job (id) ON DELETE CASCADE,
    format TEXT NOT NULL,                  -- pdf, json, csv
    bytes  BLOB NOT NULL,
    PRIMARY KEY (job, format)
);

-- Views of privacy: what pages list, filter and sort; can be dropped and rebuilt. The vault (0001) also keeps the
-- personal fields of review requests, under the aggregate's id as the owner.
CREATE TABLE dpia_view (
    model      TEXT PRIMARY KEY,
    step       TEXT   NOT NULL,           -- write, advise, consult, approve, done
    in_force   BIGINT NOT NULL,           -- 1 while an approved assessment is not reopened
    review_at  BIGINT,                    -- of the approved assessment
    safeguards TEXT   NOT NULL,           -- none, incomplete, stated, confirmed
    updated_at BIGINT NOT NULL
);

CREATE TABLE review_view (
    model       TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    asks        TEXT   NOT NULL,
    market      TEXT,
    state       TEXT   NOT NULL,          -- unassigned, assigned, answered
    assignee    TEXT,
    received_at BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    answered_at BIGINT,
    outcome     TEXT,
    erased      BIGINT NOT NULL,
    PRIMARY KEY (model, number)
);
CREATE INDEX review_view_due ON review_view (state, due_at);

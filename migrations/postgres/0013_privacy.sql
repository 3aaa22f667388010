-- Views of privacy: what pages list, filter and sort; can be dropped and rebuilt. The vault (0001) also keeps the
-- personal fields of review requests, under the aggregate's id as the owner.
CREATE TABLE dpia_view (
    model      TEXT COLLATE "C" PRIMARY KEY,
    step       TEXT COLLATE "C"   NOT NULL,           -- write, advise, consult, approve, done
    in_force   BIGINT NOT NULL,           -- 1 while an approved assessment is not reopened
    review_at  BIGINT,                    -- of the approved assessment
    safeguards TEXT COLLATE "C"   NOT NULL,           -- none, incomplete, stated, confirmed
    updated_at BIGINT NOT NULL
);

CREATE TABLE review_view (
    model       TEXT COLLATE "C"   NOT NULL,
    number      BIGINT NOT NULL,
    asks        TEXT COLLATE "C"   NOT NULL,
    market      TEXT COLLATE "C",
    state       TEXT COLLATE "C"   NOT NULL,          -- unassigned, assigned, answered
    assignee    TEXT COLLATE "C",
    received_at BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    answered_at BIGINT,
    outcome     TEXT COLLATE "C",
    erased      BIGINT NOT NULL,
    PRIMARY KEY (model, number)
);
CREATE INDEX review_view_due ON review_view (state, due_at);

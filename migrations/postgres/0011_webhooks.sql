-- Webhooks out: where to send and with which secret. Which entries are news to an endpoint is in the ledger.
CREATE TABLE webhook (
    id     TEXT COLLATE "C" PRIMARY KEY,
    url    TEXT   NOT NULL,
    secret TEXT   NOT NULL,               -- whsec_ and base64
    cursor BIGINT NOT NULL                -- entries before this one are dealt with
);

-- One row an entry and endpoint; kept until delivered and a while longer, or until somebody sends it again.
CREATE TABLE webhook_delivery (
    webhook    TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL,
    state      TEXT   NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts   BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    lease      BIGINT,                    -- whoever delivers has it until then
    status     BIGINT,                    -- of the latest answer
    error      TEXT,                      -- why the latest attempt failed
    created_at BIGINT NOT NULL,
    ended_at   BIGINT,                    -- when it was delivered or given up
    PRIMARY KEY (webhook, seq)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (state, next_at);

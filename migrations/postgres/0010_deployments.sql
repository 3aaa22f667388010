-- What serves each market of each model, for lists; derived from the states and can be dropped and rebuilt.
CREATE TABLE deployment_view (
    model      TEXT   NOT NULL,
    market     TEXT   NOT NULL,
    champion   BIGINT,
    challenger BIGINT,
    percent    BIGINT NOT NULL,           -- the challenger's share of users
    strikes    BIGINT NOT NULL,
    standby    BIGINT,
    state      TEXT   NOT NULL,           -- off, held, struck, rolling_out, serving, idle
    review_due BIGINT,                    -- of the kill switch, while it is in use
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (model, market)
);
CREATE INDEX deployment_view_updated ON deployment_view (updated_at, model, market);
CREATE INDEX deployment_view_state ON deployment_view (state, model, market);

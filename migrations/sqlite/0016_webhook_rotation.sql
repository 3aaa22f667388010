-- The secret that a rotation replaced, which signs beside the new one until the overlap ends. Addresses and secrets are
-- sealed with the server's key: `sealed:1:` and base64. Rows of earlier releases are sealed at the next start.
ALTER TABLE webhook ADD COLUMN old_secret TEXT;
ALTER TABLE webhook ADD COLUMN old_until BIGINT;

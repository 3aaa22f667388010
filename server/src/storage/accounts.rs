//! Logins, vault, token secrets, sessions, settings: what lies beside the ledger because it must be secret or erasable.

use ledger::{Digest, Timestamp};

use super::{Row, Store, StoreError, Value, Write, registry::placeholders};

/// A local login.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account.
    pub account: String,
    /// The password, hashed (PHC string).
    pub password: String,
}

/// A personal field with the salt of its commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultField {
    /// Whose it is: an account, or the id of the aggregate whose entry holds the commitment.
    pub account: String,
    /// The field, such as `name` or `email`.
    pub field: String,
    /// The value.
    pub value: String,
    /// 32 random bytes.
    pub salt: Vec<u8>,
}

/// A signed-in browser.
#[derive(Debug, Clone)]
pub struct Session {
    /// The account.
    pub account: String,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last seen, to the minute.
    pub seen_at: Timestamp,
}

fn login(row: &Row) -> Result<Login, StoreError> {
    Ok(Login { account: row.text(0)?.to_owned(), password: row.text(1)?.to_owned() })
}

fn vault_field(row: &Row) -> Result<VaultField, StoreError> {
    Ok(VaultField {
        account: row.text(0)?.to_owned(),
        field: row.text(1)?.to_owned(),
        value: row.text(2)?.to_owned(),
        salt: row.bytes(3)?.to_vec(),
    })
}

impl Store {
    /// The login of an e-mail address, in lower case.
    pub async fn login_by_email(&self, email: &str) -> Result<Option<Login>, StoreError> {
        let row = self.fetch_one("SELECT account, password FROM login WHERE email = $1", vec![email.into()]).await?;
        row.as_ref().map(login).transpose()
    }

    /// The login of an account.
    pub async fn login_of(&self, account: &str) -> Result<Option<Login>, StoreError> {
        let row =
            self.fetch_one("SELECT account, password FROM login WHERE account = $1", vec![account.into()]).await?;
        row.as_ref().map(login).transpose()
    }

    /// Replaces an account's password hash and ends its sessions.
    pub async fn set_password(&self, account: &str, password: &str) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        write.fetch("UPDATE login SET password = $2 WHERE account = $1", vec![account.into(), password.into()]).await?;
        write.fetch("DELETE FROM session WHERE account = $1", vec![account.into()]).await?;
        write.commit().await
    }

    /// Personal fields of the accounts asked for.
    pub async fn vault(&self, accounts: &[String]) -> Result<Vec<VaultField>, StoreError> {
        let mut fields = Vec::new();
        for chunk in accounts.chunks(200) {
            let sql = format!(
                "SELECT account, field, value, salt FROM vault WHERE account IN {} ORDER BY account, field",
                placeholders(chunk.len())
            );
            let args = chunk.iter().map(|account| Value::from(account.as_str())).collect();
            for row in self.fetch(sql, args).await? {
                fields.push(vault_field(&row)?);
            }
        }
        Ok(fields)
    }

    /// The account and secret hash of a token.
    pub async fn token_secret(&self, id: &str) -> Result<Option<(String, Digest)>, StoreError> {
        let row = self.fetch_one("SELECT account, hash FROM token_secret WHERE id = $1", vec![id.into()]).await?;
        row.map(|row| Ok((row.text(0)?.to_owned(), row.digest(1)?))).transpose()
    }

    /// Every account's id, oldest first.
    pub async fn account_ids(&self, limit: u64) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT id FROM aggregate WHERE id >= 'account/' AND id < 'account0' ORDER BY id LIMIT $1";
        let rows = self.fetch(sql, vec![limit.into()]).await?;
        rows.iter().map(|row| Ok(row.text(0)?.trim_start_matches("account/").to_owned())).collect()
    }

    /// Keeps a new session.
    pub async fn add_session(&self, hash: Digest, account: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO session (hash, account, created_at, seen_at) VALUES ($1, $2, $3, $4)";
        self.change(sql, vec![hash.into(), account.into(), now.into(), now.into()]).await
    }

    /// A session by the hash of its secret.
    pub async fn session(&self, hash: Digest) -> Result<Option<Session>, StoreError> {
        let row = self
            .fetch_one("SELECT account, created_at, seen_at FROM session WHERE hash = $1", vec![hash.into()])
            .await?;
        row.map(|row| Ok(Session { account: row.text(0)?.to_owned(), created_at: row.time(1)?, seen_at: row.time(2)? }))
            .transpose()
    }

    /// Notes that a session was seen.
    pub async fn touch_session(&self, hash: Digest, now: Timestamp) -> Result<(), StoreError> {
        self.change("UPDATE session SET seen_at = $2 WHERE hash = $1", vec![hash.into(), now.into()]).await
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: Digest) -> Result<(), StoreError> {
        self.change("DELETE FROM session WHERE hash = $1", vec![hash.into()]).await
    }

    /// Forgets sessions last seen before `limit` and answers kept for repeated requests before then.
    pub async fn forget_before(&self, sessions: Timestamp, answers: Timestamp) -> Result<(), StoreError> {
        self.change("DELETE FROM session WHERE seen_at < $1", vec![sessions.into()]).await?;
        self.change("DELETE FROM idempotency WHERE at < $1", vec![answers.into()]).await
    }

    /// A setting of this installation.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = self.fetch_one("SELECT value FROM setting WHERE name = $1", vec![name.into()]).await?;
        row.map(|row| Ok(row.text(0)?.to_owned())).transpose()
    }

    /// Writes a setting; `None` removes it.
    pub async fn put_setting(&self, name: &str, value: Option<&str>) -> Result<(), StoreError> {
        match value {
            Some(value) => {
                let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) \
                           ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                self.change(sql, vec![name.into(), value.into()]).await
            }
            None => self.change("DELETE FROM setting WHERE name = $1", vec![name.into()]).await,
        }
    }

    /// Writes a setting unless it is there already, and answers what it is now.
    pub async fn settle(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        self.change(sql, vec![name.into(), value.into()]).await?;
        self.setting(name).await?.ok_or_else(|| StoreError::Inconsistent(format!("the setting {name} vanished")))
    }
}

impl Write {
    /// Whether an e-mail address has a login.
    pub async fn email_is_taken(&mut self, email: &str) -> Result<bool, StoreError> {
        Ok(!self.fetch("SELECT account FROM login WHERE email = $1", vec![email.into()]).await?.is_empty())
    }

    /// Keeps a new login.
    pub async fn add_login(&mut self, account: &str, email: &str, password: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO login (account, email, password) VALUES ($1, $2, $3)";
        self.fetch(sql, vec![account.into(), email.into(), password.into()]).await.map(drop)
    }

    /// Keeps personal fields.
    pub async fn add_vault(&mut self, fields: &[VaultField]) -> Result<(), StoreError> {
        for field in fields {
            let sql = "INSERT INTO vault (account, field, value, salt) VALUES ($1, $2, $3, $4)";
            let args = vec![
                field.account.as_str().into(),
                field.field.as_str().into(),
                field.value.as_str().into(),
                field.salt.clone().into(),
            ];
            self.fetch(sql, args).await?;
        }
        Ok(())
    }

    /// Up to `limit` personal fields after that of `owner` and `field`, in the order of both.
    pub async fn vault_after(&mut self, owner: &str, field: &str, limit: u64) -> Result<Vec<VaultField>, StoreError> {
        let sql = "SELECT account, field, value, salt FROM vault WHERE account > $1 OR (account = $1 AND field > $2) \
                   ORDER BY account, field LIMIT $3";
        let rows = self.fetch(sql, vec![owner.into(), field.into(), limit.into()]).await?;
        rows.iter().map(vault_field).collect()
    }

    /// Every account that has a login.
    pub async fn login_accounts(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = self.fetch("SELECT account FROM login ORDER BY account", Vec::new()).await?;
        rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
    }

    /// Erases the personal fields of an owner, value and salt.
    pub async fn erase_vault(&mut self, owner: &str, fields: impl IntoIterator<Item = &str>) -> Result<(), StoreError> {
        for field in fields {
            let sql = "DELETE FROM vault WHERE account = $1 AND field = $2";
            self.fetch(sql, vec![owner.into(), field.into()]).await?;
        }
        Ok(())
    }

    /// Erases everything by which an account signs in: its address, its password, its sessions, its tokens' secrets.
    pub async fn erase_login(&mut self, account: &str) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM login WHERE account = $1",
            "DELETE FROM session WHERE account = $1",
            "DELETE FROM token_secret WHERE account = $1",
        ] {
            self.fetch(sql, vec![account.into()]).await?;
        }
        Ok(())
    }

    /// Keeps the hash of a token's secret.
    pub async fn add_token_secret(&mut self, id: &str, account: &str, hash: Digest) -> Result<(), StoreError> {
        let sql = "INSERT INTO token_secret (id, account, hash) VALUES ($1, $2, $3)";
        self.fetch(sql, vec![id.into(), account.into(), hash.into()]).await.map(drop)
    }

    /// Removes a setting within the transaction and tells whether it was `value`.
    pub async fn take_setting(&mut self, name: &str, value: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM setting WHERE name = $1 AND value = $2 RETURNING name";
        Ok(!self.fetch(sql, vec![name.into(), value.into()]).await?.is_empty())
    }

    /// Ends the sessions of an account.
    pub async fn end_sessions_of(&mut self, account: &str) -> Result<(), StoreError> {
        self.fetch("DELETE FROM session WHERE account = $1", vec![account.into()]).await.map(drop)
    }
}

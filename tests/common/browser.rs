//! Pages as somebody without scripting sees them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses a part of this, and a broken set-up must panic"
)]

use domain::account::Role;

use crate::common::{Answer, PASSWORD, TestServer};

/// A signed-in browser without scripting.
pub struct Browser<'s> {
    server: &'s TestServer,
    cookie: String,
}

impl<'s> Browser<'s> {
    /// Signs the role's account in.
    pub async fn of(server: &'s TestServer, role: Role) -> Self {
        server.account(role).await;
        Self::of_account(server, &TestServer::email(role)).await
    }

    /// Signs somebody in by address.
    pub async fn of_account(server: &'s TestServer, email: &str) -> Self {
        Self::with_password(server, email, PASSWORD).await
    }

    /// Signs somebody in by address and password.
    pub async fn with_password(server: &'s TestServer, email: &str, password: &str) -> Self {
        let (_, session) = server.app.sign_in(email, password, "test").await.unwrap();
        Self { server, cookie: format!("countersign_session={session}") }
    }

    /// A page, which must be there.
    pub async fn get(&self, path: &str) -> String {
        String::from_utf8(self.ask(path).await.expect(200).body).unwrap()
    }

    /// What an address answers, whatever that is.
    pub async fn ask(&self, path: &str) -> Answer {
        self.server.get(path).header("cookie", &self.cookie).send().await
    }

    /// The answer to a form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", countersign::http::escape(value))).collect();
        let call = self.server.post(path).header("cookie", &self.cookie);
        let call = call.header("content-type", "application/x-www-form-urlencoded");
        call.bytes(pairs.join("&").into_bytes()).send().await
    }
}

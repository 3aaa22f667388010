//! One message: its body, its signature, and its way to an endpoint.

use std::{net::IpAddr, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ledger::{Entry, Timestamp};
use serde_json::json;
use sha2::Sha256;
use ureq::{
    Agent,
    config::Config as HttpConfig,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use super::{Opened, ranges::is_special};
use crate::{accounts::random_bytes, config::WebhookSettings, narrate, storage::log::StoredEntry};

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest address.
const MAX_URL: usize = 2_000;
/// Characters of an error that are kept.
const MAX_ERROR: usize = 300;

/// A fresh secret of 32 random bytes.
pub(super) fn new_secret() -> String {
    format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(random_bytes()))
}

/// The signature of a message: `v1,` and base64 of HMAC-SHA-256 over `id.timestamp.body`, as Standard Webhooks has it.
/// The key is what stands in base64 behind `whsec_`; a secret of another form is the key itself.
pub fn signature(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let key = secret.strip_prefix(SECRET_PREFIX).and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
    let key = key.unwrap_or_else(|| secret.as_bytes().to_vec());
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    // RFC 6761, section 6.3: the names below localhost lead there too.
    bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether news may be sent to this address; answers its scheme, host and port.
///
/// # Errors
/// A sentence that says what is wrong with the address.
pub fn check_url(url: &str, settings: WebhookSettings) -> Result<String, String> {
    if url.len() > MAX_URL {
        return Err(format!("The address is longer than {MAX_URL} characters."));
    }
    let uri: Uri =
        url.parse().map_err(|_| "This is no address; write one such as https://ci.example/hooks.".to_owned())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("Write the whole address, beginning with https://.".to_owned());
    };
    if authority.as_str().contains('@') {
        return Err("An address with a user name or password is not kept; the signature tells who sends.".to_owned());
    }
    let host = authority.host();
    check_port(authority.as_str().get(host.len()..).unwrap_or_default())?;
    match scheme {
        "https" => {}
        "http" if settings.allow_http || is_loopback(host) => {}
        "http" => {
            return Err(
                "Without TLS anybody on the way reads along: use https, or allow http in the settings.".to_owned()
            );
        }
        _ => return Err("The address must begin with https://.".to_owned()),
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let literal = bare.parse::<IpAddr>().is_ok_and(is_special) || is_loopback(host);
    if literal && !settings.allow_private {
        return Err("The settings let news be sent to public addresses only.".to_owned());
    }
    Ok(format!("{scheme}://{authority}"))
}

/// `rest` is what follows the host: nothing, or a colon and the port.
fn check_port(rest: &str) -> Result<(), String> {
    let Some(port) = rest.strip_prefix(':') else { return Ok(()) };
    match port.parse::<u16>() {
        Ok(1..) if port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => {
            let shown: String = port.chars().take(20).collect();
            Err(format!("{shown:?} is no port; a port is a whole number from 1 to 65535, or left out."))
        }
    }
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Outgoing {
    url: String,
    id: String,
    timestamp: i64,
    signature: String,
    body: Vec<u8>,
}

impl Outgoing {
    /// The message that tells an endpoint of an entry.
    pub(super) fn new(
        endpoint: &Opened,
        stored: &StoredEntry,
        public_url: &str,
        now: Timestamp,
    ) -> Result<Self, String> {
        let entry = Entry::from_bytes(&stored.bytes).map_err(|error| format!("the entry cannot be read: {error}"))?;
        let seq = entry.seq;
        let id = format!("msg_{}_{seq}", endpoint.id);
        let sentence = narrate::recorded(&entry).map(|recorded| narrate::sentence(&recorded.event)).ok();
        let body = json!({
            "specversion": "1.0",
            "id": id,
            "source": public_url,
            "type": format!("countersign.{}", entry.event),
            "subject": entry.subject.iter().map(|(key, value)| format!("{key}/{value}")).collect::<Vec<_>>().join("/"),
            "time": entry.time,
            "datacontenttype": "application/json",
            "data": {
                "seq": seq,
                "event": entry.event,
                "sentence": sentence,
                "actor": entry.actor,
                "subject": entry.subject,
                "payload": entry.payload,
                "hash": stored.hash,
                "entry_url": format!("{public_url}/ledger/{seq}"),
                "proof_url": format!("{public_url}/api/v1/ledger/entries/{seq}/proof"),
            },
        });
        let body = serde_json::to_vec(&body).map_err(|error| format!("the message cannot be written: {error}"))?;
        let timestamp = now.seconds();
        // Standard Webhooks lets several signatures stand in the header, a space between two; one that fits is enough.
        let signatures = endpoint.secrets.iter().map(|secret| signature(secret, &id, timestamp, &body));
        let signature = signatures.collect::<Vec<_>>().join(" ");
        Ok(Self { url: endpoint.url.clone(), id, timestamp, signature, body })
    }

    /// Sends it and answers the HTTP status.
    pub(super) fn send(self, settings: WebhookSettings) -> Result<u16, String> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(TIMEOUT));
        // A proxy would look the name up by itself, past the guard.
        let config = if settings.allow_private { config } else { config.proxy(None) }.build();
        let resolver = Guarded { inner: DefaultResolver::default(), allow_private: settings.allow_private };
        let agent = Agent::with_parts(config, DefaultConnector::default(), resolver);
        let answer = agent
            .post(&self.url)
            .header("content-type", "application/cloudevents+json")
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", self.timestamp.to_string())
            .header("webhook-signature", &self.signature)
            .send(&self.body);
        match answer {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) => {
                let words = error.to_string();
                Err(words.chars().filter(|c| !c.is_control()).take(MAX_ERROR).collect())
            }
        }
    }
}

/// Resolves names as usual and lets only public addresses through unless told otherwise: checked where the connection
/// is made, so that a name which changes between check and use gains nothing.
#[derive(Debug)]
struct Guarded {
    inner: DefaultResolver,
    allow_private: bool,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &HttpConfig,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        if self.allow_private {
            return Ok(found);
        }
        let mut public = self.empty();
        for address in found.iter().filter(|address| !is_special(address.ip())) {
            public.push(*address);
        }
        if public.is_empty() {
            let words = "the name leads to addresses that are not public, and the settings let news be sent to public ones only";
            return Err(ureq::Error::Io(std::io::Error::other(words)));
        }
        Ok(public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: WebhookSettings = WebhookSettings { allow_http: false, allow_private: true };

    #[test]
    fn the_signature_has_its_published_value() {
        let found = signature("secret", "id", 1_700_000_000, br#"{"a": 1}"#);
        assert_eq!(found, "v1,38uVORQcsSdjatM9lCcMNO82Q89mMAbtl9RgUgq98/w=");
        let encoded = format!("whsec_{}", BASE64_STANDARD.encode("secret"));
        assert_eq!(
            signature(&encoded, "id", 1_700_000_000, br#"{"a": 1}"#),
            found,
            "the key is what base64 stands for"
        );
        assert_ne!(signature("secret", "id", 1_700_000_001, br#"{"a": 1}"#), found);
        assert_ne!(new_secret(), new_secret());
    }

    #[test]
    fn addresses_are_checked_before_anything_is_sent_there() {
        assert_eq!(check_url("https://ci.example:8443/hooks?x=1", OPEN).unwrap(), "https://ci.example:8443");
        assert_eq!(check_url("http://127.0.0.1:9/x", OPEN).unwrap(), "http://127.0.0.1:9");
        assert!(check_url("http://localhost/x", OPEN).is_ok() && check_url("http://[::1]:80/", OPEN).is_ok());
        for (url, part) in [
            ("http://ci.example/", "TLS"),
            ("ftp://ci.example/", "https://"),
            ("/hooks", "whole address"),
            ("https://me:pass@ci.example/", "password"),
            ("not an address", "no address"),
            ("https://ci.example:0/", "65535"),
            ("https://ci.example:65536/", "65535"),
            ("https://ci.example:99999999999/", "65535"),
            ("https://ci.example:/hooks", "65535"),
            ("https://[2606:4700::1111]:70000/", "65535"),
        ] {
            assert!(check_url(url, OPEN).unwrap_err().contains(part), "{url}");
        }
        for url in ["https://ci.example:1/", "https://ci.example:65535/", "https://[2606:4700::1111]:8443/"] {
            assert!(check_url(url, OPEN).is_ok(), "{url}");
        }
        assert!(check_url(&format!("https://ci.example/{}", "x".repeat(3_000)), OPEN).is_err());
        let http = WebhookSettings { allow_http: true, ..OPEN };
        assert!(check_url("http://ci.example/", http).is_ok());
        let public = WebhookSettings { allow_private: false, ..OPEN };
        for url in [
            "https://10.1.2.3/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://[fd00::1]/",
            "https://169.254.169.254/latest",
        ] {
            assert!(check_url(url, public).unwrap_err().contains("public"), "{url}");
        }
    }

    #[test]
    fn a_name_that_leads_within_the_walls_is_not_connected_to() {
        let closed = WebhookSettings { allow_http: true, allow_private: false };
        // Spellings that are no literal here but that the resolver takes as addresses, as a name may that changes its
        // answer after the check: what counts is the address at the moment of connecting.
        for url in ["http://127.1:9/", "http://2130706433:9/", "http://0x7f.1:9/", "http://localhost.:9/"] {
            let (url, body) = (url.to_owned(), Vec::new());
            let message = Outgoing { url, id: "msg".into(), timestamp: 1, signature: "v1,x".into(), body };
            let told = message.send(closed).unwrap_err();
            assert!(!told.contains("refused"), "a connection was tried: {told}");
        }
    }
}

//! A client with one kept connection, as a pipeline's or a browser's.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Failure;

/// A request that can be sent any number of times.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A POST of these bytes.
    pub fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, body: body.into(), ..Self::get(path) }
    }

    /// A POST of JSON.
    pub fn json(path: impl Into<String>, body: &Value) -> Self {
        Self::post(path, body.to_string()).with(header::CONTENT_TYPE, "application/json")
    }

    /// A POST of a form; names and values must need no escaping but for `@` and spaces.
    pub fn form(path: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace('@', "%40").replace(' ', "+")))
            .collect();
        Self::post(path, fields.join("&")).with(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    /// With a header more.
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.with(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// What it asks for, for messages.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came over the wire, compressed if it was.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The answer, if it says that all is well.
    pub fn ok(self, call: &str) -> Result<Self, Failure> {
        if self.status.is_success() || self.status.is_redirection() {
            return Ok(self);
        }
        let text: String = self.text().chars().take(600).collect();
        Err(Failure::Unexpected(format!("{call} was answered with {}: {text}", self.status)))
    }
}

/// One kept connection.
pub struct Client {
    address: SocketAddr,
    host: HeaderValue,
    send: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let host = HeaderValue::from_str(&address.to_string())
            .map_err(|error| Failure::Unexpected(format!("{address} is no host: {error}")))?;
        Ok(Self { address, host, send: open(address).await? })
    }

    /// Sends and waits for the whole answer. A connection that the server closed between two calls is opened anew.
    pub async fn send(&mut self, call: &Call) -> Result<Answer, Failure> {
        let (head, body) = self.begin(call).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// Sends and waits for the head of the answer; the body comes as it comes.
    pub async fn begin(&mut self, call: &Call) -> Result<Response<Incoming>, Failure> {
        if self.send.ready().await.is_err() {
            self.send = open(self.address).await?;
        }
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() =
            call.path.parse().map_err(|error| Failure::Unexpected(format!("{} is no path: {error}", call.path)))?;
        request.headers_mut().clone_from(&call.headers);
        request.headers_mut().insert(header::HOST, self.host.clone());
        Ok(self.send.send_request(request).await?)
    }
}

async fn open(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await.map_err(Failure::io(format!("connecting to {address}")))?;
    stream.set_nodelay(true).map_err(Failure::io("setting TCP_NODELAY"))?;
    let (send, connection) = handshake(TokioIo::new(stream)).await?;
    // Its end shows in the next request.
    tokio::spawn(async move { drop(connection.await) });
    Ok(send)
}

//! Sending large files: as a stream, and with an ear for a server that says no before it has heard all of it.
//!
//! A server that refuses a file for its size answers and closes while the client still writes. The write then fails
//! with a broken pipe, although the answer lies in the socket. [`Patient`] lets the rest of the file go nowhere, so
//! that the answer is read.

use std::{fs::File, io, path::Path};

use ledger::Timestamp;
use serde::de::DeserializeOwned;
use ureq::{
    Agent, Error,
    http::header,
    unversioned::{
        resolver::DefaultResolver,
        transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport},
    },
};

use super::api::{Api, ApiError, agent_config, idempotency_key, read};

/// Above this size a broken upload is tried once more only.
const LARGE_BYTES: u64 = 64 << 20;

/// An agent whose connections are [`Patient`].
pub(super) fn upload_agent() -> Agent {
    Agent::with_parts(agent_config(), DefaultConnector::new().chain(PatientConnector), DefaultResolver::default())
}

#[derive(Debug)]
struct PatientConnector;

impl<In: Transport> Connector<In> for PatientConnector {
    type Out = Patient<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Patient { inner, cut: false }))
    }
}

/// A transport that still listens after it can no longer speak.
#[derive(Debug)]
struct Patient<T> {
    inner: T,
    cut: bool,
}

impl<T: Transport> Transport for Patient<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.cut {
            return Ok(());
        }
        match self.inner.transmit_output(amount, timeout) {
            Err(Error::Io(error))
                if matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
                ) =>
            {
                self.cut = true;
                Ok(())
            }
            other => other,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        !self.cut && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// A file to be attached as evidence, with what is said of it.
#[derive(Debug)]
pub(super) struct Upload<'a> {
    /// Below `/api/v1`.
    pub path: String,
    /// Query parameters.
    pub query: Vec<(&'a str, String)>,
    /// The file.
    pub file: &'a Path,
    /// When it was produced, if that is known.
    pub produced_at: Option<Timestamp>,
}

impl Api {
    /// Sends a file as a stream.
    pub(super) fn upload<T: DeserializeOwned>(&self, upload: &Upload<'_>) -> Result<T, ApiError> {
        let unreadable =
            |error: io::Error| ApiError::Failed(format!("{} cannot be read: {error}", upload.file.display()));
        let about = std::fs::metadata(upload.file).map_err(unreadable)?;
        if !about.is_file() {
            return Err(ApiError::Failed(format!("{} is not a file", upload.file.display())));
        }
        File::open(upload.file).map_err(unreadable)?;
        let (url, key) = (self.url(&upload.path), idempotency_key());
        let again = if about.len() > LARGE_BYTES { 1 } else { 4 };
        let sent = self.repeat(again, || {
            let mut request = self
                .uploads
                .post(&url)
                .header(header::AUTHORIZATION, &self.bearer)
                .header(header::CONTENT_TYPE, "application/octet-stream")
                // Who may not attach hears so before the file is on its way.
                .header(header::EXPECT, "100-continue")
                .header("idempotency-key", &key);
            for (name, value) in &upload.query {
                request = request.query(*name, value);
            }
            if let Some(at) = upload.produced_at {
                request = request.query("produced_at", at.to_string());
            }
            read(request.send(File::open(upload.file)?)?)
        });
        sent.map_err(|error| match error {
            ApiError::Failed(reason) => ApiError::Failed(format!(
                "{} ({} bytes) was not attached. {reason}. A server also hangs up on a file above its limit \
                 (max_upload_bytes, 1 GiB unless set otherwise)",
                upload.file.display(),
                about.len()
            )),
            problem @ ApiError::Problem(_) => problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
        thread,
    };

    use super::*;

    const PROBLEM: &str = r#"{"type": "urn:countersign:problem:evidence.size", "title": "Too large", "status": 413, "detail": "Too large by far."}"#;

    /// Reads the head and a little of the body, answers and hangs up on the rest.
    fn refuse(mut stream: TcpStream) {
        let mut chunk = [0; 4_096];
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut chunk).unwrap();
            head.extend_from_slice(&chunk[..read]);
        }
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        stream.read_exact(&mut chunk).unwrap();
        let length = PROBLEM.len();
        let head = format!("HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        // In one piece: what still waits to be sent is lost when the socket is closed on unread data.
        stream.write_all((head + PROBLEM).as_bytes()).unwrap();
    }

    #[test]
    fn the_answer_is_heard_although_the_connection_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || refuse(listener.accept().unwrap().0));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(256 << 20).unwrap();
        let request = upload_agent().post(&url).header(header::EXPECT, "100-continue");
        let mut response = request.send(File::open(&path).unwrap()).unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.body_mut().read_to_string().unwrap(), PROBLEM);
        server.join().unwrap();
    }
}

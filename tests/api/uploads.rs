//! Evidence of any size: streamed in up to the limit, refused beyond it, and nothing left of what was refused.

use std::time::Duration;

use domain::account::Role;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    assert_problem,
    common::{Engine, Setup, TestServer, digest, lineage},
    steps,
};

const LIMIT: u64 = 100_000;

async fn limited() -> (TestServer, String) {
    let server = TestServer::start_with(Setup { max_upload_bytes: LIMIT, ..Setup::on(Engine::Sqlite) }).await;
    steps::register_model(&server, "credit", "unregulated").await.expect(201);
    let version = steps::register_version(&server, "credit", &lineage()).await;
    (server, version)
}

fn kept(server: &TestServer) -> usize {
    let folders = std::fs::read_dir(server.dir().join("evidence")).unwrap();
    folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

/// Sends a request's head and then pieces of its body for as long as the server takes them; answers the response.
async fn stream(server: &TestServer, version: &str, head: &str, piece: &[u8], pieces: usize) -> String {
    let token = server.token(Role::DataScientist).await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let path = format!("{version}/evidence?path=other&bound_to={}&file_name=big.bin&producer=ci", digest('c'));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n{head}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = connection.split();
    let mut answer = Vec::new();
    let sending = async {
        for _ in 0..pieces {
            if writing.write_all(piece).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let receiving = async {
        let mut buffer = [0; 4096];
        while let Ok(count) = reading.read(&mut buffer).await {
            if count == 0 {
                break;
            }
            answer.extend_from_slice(&buffer[..count]);
        }
    };
    timeout(Duration::from_secs(20), async {
        tokio::select! { () = sending => {}, () = receiving => {} }
    })
    .await
    .expect("the server answers without waiting for the rest");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_and_nothing_is_kept() {
    let (server, version) = limited().await;
    let file = "x".repeat(usize::try_from(LIMIT).unwrap() + 1);
    let answer = steps::attach(&server, &version, "other", &digest('c'), &file).await;
    let detail = assert_problem(&answer, 413, "evidence.size");
    assert!(detail.contains("100000 bytes") && detail.contains("max_upload_bytes"), "{detail}");
    assert_eq!(kept(&server), 0);
    steps::attach(&server, &version, "other", &digest('c'), &file[1..]).await.expect(201);
    assert_eq!(kept(&server), 1, "exactly the limit is fine");
}

#[tokio::test]
async fn two_gibibytes_are_refused_before_they_are_sent() {
    let (server, version) = limited().await;
    let answer = stream(&server, &version, "content-length: 2147483648", b"", 0).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("urn:countersign:problem:evidence.size"), "{answer}");
    assert_eq!(kept(&server), 0);
}

#[tokio::test]
async fn a_stream_without_a_length_is_cut_at_the_limit() {
    let (server, version) = limited().await;
    let piece = [b"2710\r\n".as_slice(), &[b'x'; 10_000], b"\r\n"].concat();
    let answer = stream(&server, &version, "transfer-encoding: chunked", &piece, 1_000).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("urn:countersign:problem:evidence.size"), "{answer}");
    assert_eq!(kept(&server), 0);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let (server, version) = limited().await;
    let size = server.app.store.head().await.unwrap().size;
    let token = server.token(Role::DataScientist).await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let path = format!("{version}/evidence?path=other&bound_to={}&file_name=b&producer=ci", digest('c'));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: 90000\r\n\r\nhalf"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // Long enough for the upload to have begun.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if kept(&server) == 1 {
            break;
        }
    }
    assert_eq!(kept(&server), 1, "it lies among the incoming ones");
    drop(connection);
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if kept(&server) == 0 {
            break;
        }
    }
    assert_eq!(kept(&server), 0);
    let token_entry = server.app.store.head().await.unwrap().size;
    assert_eq!(token_entry, size, "nothing was sealed");
}

#[tokio::test]
async fn whoever_may_not_attach_does_not_even_upload() {
    let (server, version) = limited().await;
    let path = format!("{version}/evidence?path=other&bound_to={}&file_name=b&producer=ci", digest('c'));
    let answer = server.post(&path).bytes(vec![b'x'; 1000]).as_role(Role::Auditor).await.send().await;
    assert_problem(&answer, 403, "access.role");
    let path = path.replace("versions/1", "versions/9");
    let answer = server.post(&path).bytes(vec![b'x'; 1000]).as_role(Role::DataScientist).await.send().await;
    assert_problem(&answer, 404, "subject.exists");
    for missing in ["bound_to", "file_name", "producer"] {
        let path = path.replace("versions/9", "versions/1").replace(missing, "ignored");
        let answer = server.post(&path).bytes(vec![b'x'; 1000]).as_role(Role::DataScientist).await.send().await;
        assert!(assert_problem(&answer, 400, "request.readable").contains(missing));
    }
    assert_eq!(kept(&server), 0);
}

//! What an independent tool needs to check everything: proofs, checkpoint, tiles, export.

use std::path::{Path, PathBuf};

use countersign::seal::{Caller, Order};
use domain::{Command, account::Role};
use futures_util::future::join_all;
use ledger::{
    Checkpoint, Digest, TilePath, TlogProof, VerifierKey,
    export::{ExportOptions, FolderSource, verify_export},
    merkle::leaf_hash,
    verify_consistency, verify_inclusion,
};

use crate::{
    assert_problem,
    common::{Answer, Engine, TestServer, model, start},
    steps,
};

async fn get(server: &TestServer, path: &str) -> Answer {
    server.get(&format!("/api/v1/ledger/{path}")).as_role(Role::Auditor).await.send().await.expect(200)
}

async fn text(server: &TestServer, path: &str) -> String {
    String::from_utf8(get(server, path).await.body).unwrap()
}

async fn checkpoint(server: &TestServer) -> Checkpoint {
    let key: VerifierKey = text(server, "verifier-key").await.trim().parse().unwrap();
    assert_eq!(&key, server.app.key.verifier());
    Checkpoint::open(&text(server, "checkpoint").await, &[key]).unwrap().checkpoint
}

async fn grow(server: &TestServer, prefix: &str, count: usize) {
    let ana = server.account(Role::DataScientist).await;
    let orders = (0..count).map(|n| {
        let body = serde_json::from_value(model(&format!("{prefix}{n}"))).unwrap();
        server.app.sealer.seal(Order::new(Caller::Account(ana.clone()), Command::RegisterModel(body)))
    });
    join_all(orders).await.into_iter().for_each(|sealed| drop(sealed.unwrap()));
}

#[tokio::test]
async fn every_entry_is_proven_under_the_signed_checkpoint() {
    for engine in Engine::available() {
        let server = TestServer::start_on(engine).await;
        steps::prepared(&server, "credit", "unregulated").await;
        grow(&server, "m", 270).await;
        let signed = checkpoint(&server).await;
        assert_eq!(signed.origin, "test.example/countersign");
        for seq in (0..signed.size).step_by(17).chain([255, 256, signed.size - 1]) {
            let view = get(&server, &format!("entries/{seq}/proof")).await.json();
            let bytes = get(&server, &format!("entries/{seq}")).await.body;
            assert_eq!(view["entry"].as_str().unwrap().as_bytes(), bytes);
            let proof: Vec<Digest> = serde_json::from_value(view["proof"].clone()).unwrap();
            verify_inclusion(seq, signed.size, leaf_hash(&bytes), &proof, signed.root).unwrap();
            assert_eq!(view["leaf"], leaf_hash(&bytes).to_string());
            let file = TlogProof::from_text(view["tlog_proof"].as_str().unwrap()).unwrap();
            file.verify(&bytes, &[server.app.key.verifier().clone()]).unwrap();
        }
    }
}

#[tokio::test]
async fn the_ledger_proves_that_it_only_grew() {
    let server = start().await;
    let mut seen = vec![checkpoint(&server).await];
    for (round, count) in [3, 1, 250, 12].into_iter().enumerate() {
        grow(&server, &format!("r{round}-"), count).await;
        let now = checkpoint(&server).await;
        for earlier in &seen {
            let path = format!("consistency?from={}&to={}", earlier.size, now.size);
            let proof: Vec<Digest> = serde_json::from_value(get(&server, &path).await.json()["proof"].clone()).unwrap();
            verify_consistency(earlier.size, now.size, earlier.root, now.root, &proof).unwrap();
        }
        seen.push(now);
    }
    let latest = get(&server, "consistency?from=2").await.json();
    assert_eq!(latest["to"], seen.last().unwrap().size);
    let ahead = server.get("/api/v1/ledger/consistency?from=1&to=100000").as_role(Role::Auditor).await.send().await;
    assert_problem(&ahead, 400, "request.readable");
}

/// Every file below a folder, by its path there.
fn files(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}

fn unpack(tar: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tar::Archive::new(tar).unpack(folder.path()).unwrap();
    folder
}

#[tokio::test]
async fn an_export_is_whole_and_its_tiles_are_those_that_are_served() {
    for engine in Engine::available() {
        let server = TestServer::start_on(engine).await;
        steps::prepared(&server, "credit", "unregulated").await;
        grow(&server, "m", 260).await;
        let answer = get(&server, "export").await;
        assert_eq!(answer.headers["content-type"], "application/x-tar");
        let folder = unpack(&answer.body);
        let trusted =
            ExportOptions { trusted_key: Some(server.app.key.verifier().clone()), ..ExportOptions::default() };
        let verified = verify_export(&FolderSource(folder.path().to_owned()), &trusted).unwrap();
        let head = server.app.store.head().await.unwrap();
        assert_eq!((verified.size, verified.evidence_files, verified.evidence_omitted), (head.size, 3, 0));
        assert!(verified.key_trusted);

        let mut paths = Vec::new();
        files(folder.path(), &folder.path().join("tile"), &mut paths);
        assert_eq!(paths.len(), TilePath::all(head.size).count());
        for path in paths {
            let answer = get(&server, &path.to_string_lossy()).await;
            assert_eq!(answer.body, std::fs::read(folder.path().join(&path)).unwrap(), "{}", path.display());
            assert!(answer.headers["cache-control"].contains("immutable"));
        }
        assert_eq!(
            text(&server, "checkpoint").await.as_bytes(),
            std::fs::read(folder.path().join("checkpoint")).unwrap()
        );

        // Without the files, their digests are listed; a file that is not as its name says is found.
        let without = unpack(&get(&server, "export?omit_evidence=true").await.body);
        let verified = verify_export(&FolderSource(without.path().to_owned()), &trusted).unwrap();
        assert_eq!((verified.evidence_files, verified.evidence_omitted), (0, 3));
        let evidence = folder.path().join("evidence").join(Digest::of(steps::JUNIT.as_bytes()).hex());
        std::fs::write(evidence, steps::JUNIT.replace("one", "two")).unwrap();
        verify_export(&FolderSource(folder.path().to_owned()), &trusted).unwrap_err();
    }
}

/// Whoever holds an older checkpoint reads the tiles of that size, although the tree has grown since.
#[tokio::test]
async fn tiles_of_an_earlier_size_stay_readable() {
    let server = start().await;
    grow(&server, "early-", 3).await;
    let earlier = checkpoint(&server).await;
    let mut then = Vec::new();
    for path in TilePath::all(earlier.size) {
        then.push((path, get(&server, &path.to_string()).await.body));
    }
    grow(&server, "late-", 300).await;
    for (path, bytes) in then {
        assert_eq!(get(&server, &path.to_string()).await.body, bytes, "{path}");
    }
    let size = checkpoint(&server).await.size;
    let beyond = TilePath::entries(size / 256, u16::try_from(size % 256).unwrap() + 1);
    let call = server.get(&format!("/api/v1/ledger/{beyond}")).as_role(Role::Auditor).await;
    assert_problem(&call.send().await, 404, "subject.exists");
}

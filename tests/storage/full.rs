//! A full disk: a clear answer, nothing lost, and work goes on once there is room. SQLite on a file system of a few
//! megabytes, which takes root to mount.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use countersign::{seal::SealError, storage::StoreError};
use domain::account::Role;

use crate::{
    common::{Engine, Setup, TestServer, model as model_body},
    raw::{assert_clean, faults, model, seal},
    steps,
};

/// A small file system in memory, unmounted with this.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("countersign-small-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder).ok()?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            Some(Self(folder))
        } else {
            let _ = fs::remove_dir(&folder);
            None
        }
    }

    /// Takes all room but `left` bytes.
    fn fill_but(&self, left: usize) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut size = 8 << 20;
        while fs::write(&ballast, vec![1; size]).is_err() {
            size -= 64 << 10;
        }
        fs::write(&ballast, vec![1; size - left]).unwrap();
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server's last files may still be open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

async fn on(disk: &Path) -> TestServer {
    TestServer::start_with(Setup { within: Some(disk.to_owned()), ..Setup::on(Engine::Sqlite) }).await
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_lost() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("SKIPPED: a small file system cannot be mounted here; that takes root");
        return;
    };
    let server = on(&disk.0).await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    let ana = server.account(Role::DataScientist).await;
    let ballast = disk.fill_but(400 << 10);

    let mut sealed = Vec::new();
    let mut refused = None;
    for n in 0..5_000 {
        match seal(&server.app, &ana, model(&format!("model-{n}"))).await {
            Ok(receipt) => sealed.push(receipt),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let refused = refused.unwrap();
    assert!(matches!(&refused, SealError::Store(error) if matches!(**error, StoreError::Full)), "{refused:?}");

    // Through the API: a command, and a file.
    let call = server.post("/api/v1/models").json(&model_body("too-much")).as_role(Role::DataScientist).await;
    let answer = call.send().await.expect(507);
    assert_eq!(answer.rule(), "storage.full");
    assert!(answer.json()["detail"].as_str().unwrap().contains("nothing was written"));
    let large = "x".repeat(2 << 20);
    let answer = steps::attach(&server, &version, "other", &crate::common::digest('c'), &large).await.expect(507);
    assert_eq!(answer.rule(), "storage.full");
    assert_eq!(fs::read_dir(server.dir().join("evidence/incoming")).unwrap().count(), 0, "no half file is left");
    // Reading goes on.
    server.get(&version).as_role(Role::DataScientist).await.send().await.expect(200);

    fs::remove_file(ballast).unwrap();
    let after = seal(&server.app, &ana, model("after")).await.unwrap();
    let last = sealed.last().map_or(0, countersign::seal::Receipt::last_seq);
    assert_eq!(after.last_seq(), last + 1, "what was refused left no entry");
    for receipt in &sealed {
        let entry = &receipt.entries[0];
        assert_eq!(server.app.store.entry(entry.seq).await.unwrap().unwrap().hash, entry.hash);
    }
    assert_clean(&faults(&server.app).await);
}

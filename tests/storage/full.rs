//! A full disk: a clear answer, nothing lost, and work goes on once there is room. SQLite, and a tablespace of
//! PostgreSQL, on file systems of a few megabytes, which take root to mount.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use countersign::{
    seal::{Receipt, SealError},
    storage::StoreError,
};
use domain::{AccountId, account::Role};

use crate::{
    common::{Engine, POSTGRES_URL, Setup, TestServer, administer, ask, model as model_body},
    raw::{assert_clean, faults, model, seal},
    steps,
};

/// A small file system in memory, unmounted with this.
struct SmallDisk {
    folder: PathBuf,
    bytes: usize,
}

impl SmallDisk {
    /// One of so many MiB that belongs to the user of this number.
    fn mount(mib: usize, owner: u32) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("countersign-small-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder).ok()?;
        let options = format!("size={mib}m,uid={owner},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            Some(Self { folder, bytes: mib << 20 })
        } else {
            let _ = fs::remove_dir(&folder);
            None
        }
    }

    /// Takes all room but `left` bytes.
    fn fill_but(&self, left: usize) -> PathBuf {
        let ballast = self.folder.join("ballast");
        let mut size = self.bytes;
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
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
        let _ = fs::remove_dir(&self.folder);
    }
}

async fn on(disk: &Path) -> TestServer {
    TestServer::start_with(Setup { within: Some(disk.to_owned()), ..Setup::on(Engine::Sqlite) }).await
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_lost() {
    let Some(disk) = SmallDisk::mount(8, 0) else {
        eprintln!("SKIPPED: a small file system cannot be mounted here; that takes root");
        return;
    };
    let server = on(&disk.folder).await;
    let version = steps::prepared(&server, "credit", "unregulated").await;
    let ana = server.account(Role::DataScientist).await;
    let ballast = disk.fill_but(400 << 10);
    let sealed = seal_until_full(&server, &ana).await;

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
    assert_nothing_lost(&server, &ana, &sealed, 0).await;
}

/// Registers models until the storage says that it is full; answers what was acknowledged before.
async fn seal_until_full(server: &TestServer, who: &AccountId) -> Vec<Receipt> {
    let mut sealed = Vec::new();
    loop {
        assert!(sealed.len() < 20_000, "the disk never filled up");
        match seal(&server.app, who, model(&format!("model-{}", sealed.len()))).await {
            Ok(receipt) => sealed.push(receipt),
            Err(SealError::Store(error)) if matches!(*error, StoreError::Full) => return sealed,
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// With room again, work goes on, and everything acknowledged is there: `sealed`, and `more` entries after them.
async fn assert_nothing_lost(server: &TestServer, who: &AccountId, sealed: &[Receipt], more: u64) {
    let after = seal(&server.app, who, model("after")).await.unwrap();
    let last = sealed.last().map_or(0, Receipt::last_seq);
    assert_eq!(after.last_seq(), last + more + 1, "what was refused left no entry");
    for receipt in sealed {
        let entry = &receipt.entries[0];
        assert_eq!(server.app.store.entry(entry.seq).await.unwrap().unwrap().hash, entry.hash);
    }
    assert_clean(&faults(&server.app).await);
}

#[tokio::test]
async fn a_full_tablespace_of_postgres_is_said_and_nothing_is_lost() {
    if !Engine::available().contains(&Engine::Postgres) {
        return;
    }
    let admin = std::env::var(POSTGRES_URL).unwrap();
    let home = ask(&admin, "SELECT setting FROM pg_settings WHERE name = 'data_directory'").await;
    // A server on another machine has no folder here, and one of another user's cannot be looked into.
    let owner = fs::metadata(&home).map(|metadata| metadata.uid());
    let disk = owner.ok().and_then(|owner| SmallDisk::mount(32, owner));
    let Some(disk) = disk else {
        eprintln!("SKIPPED: a small file system for PostgreSQL cannot be mounted here; that takes root");
        return;
    };
    let space = format!("small_{}", uuid::Uuid::new_v4().simple());
    administer(&admin, format!("CREATE TABLESPACE {space} LOCATION '{}'", disk.folder.display())).await;
    let setup = Setup { tablespace: Some(space.clone()), ..Setup::on(Engine::Postgres) };
    let server = TestServer::start_with(setup).await;
    let ana = server.account(Role::DataScientist).await;
    server.token(Role::DataScientist).await;
    // The tables take pages of 8 KiB from the disk as they grow; a few are free already.
    let ballast = disk.fill_but(256 << 10);
    let sealed = seal_until_full(&server, &ana).await;
    // A little may still fit into pages that are there, until nothing does.
    let mut more = 0;
    loop {
        let body = model_body(&format!("too-much-{more}"));
        let answer = server.post("/api/v1/models").json(&body).as_role(Role::DataScientist).await.send().await;
        if answer.status != 201 {
            assert_eq!(answer.expect(507).rule(), "storage.full");
            break;
        }
        more += 1;
        assert!(more < 20_000, "the disk never filled up");
    }

    fs::remove_file(ballast).unwrap();
    assert_nothing_lost(&server, &ana, &sealed, more).await;
    drop(server);
    administer(&admin, format!("DROP TABLESPACE {space}")).await;
}

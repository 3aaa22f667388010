//! The commands that need no server: exit code 0 for yes, 1 for no with the reason, 2 for misuse.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use domain::account::Role;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::{
    common::{TestServer, start},
    steps,
};

/// Runs the program to its end.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .env_remove("COUNTERSIGN_DATABASE_URL")
        .env_remove("COUNTERSIGN_DATA")
        .env_remove("COUNTERSIGN_CONFIG")
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Runs it and panics unless it ends with this code; answers all that it said.
#[track_caller]
fn expect(code: i32, arguments: &[&str]) -> String {
    let (found, stdout, stderr) = run(arguments);
    assert_eq!(found, code, "{arguments:?}\n{stdout}{stderr}");
    format!("{stdout}{stderr}")
}

/// A ledger with evidence, and how the program is told where it lies.
async fn furnished() -> (TestServer, String) {
    let server = start().await;
    steps::signable(&server, "credit").await;
    let data = server.dir().to_str().unwrap().to_owned();
    (server, data)
}

async fn execute(data: &str, sql: &str) {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{data}/countersign.db")).await.unwrap();
    let changed = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    assert!(changed.rows_affected() > 0, "{sql}");
}

fn exported(data: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("export");
    let said = expect(0, &["export", target.to_str().unwrap(), "--data", data]);
    assert!(said.contains("exported") && said.contains("countersign verify"), "{said}");
    (folder, target)
}

#[tokio::test]
async fn an_export_is_verified_and_any_change_to_it_found() {
    let (server, data) = furnished().await;
    let (_folder, target) = exported(&data);
    let folder = target.to_str().unwrap();
    let key = server.app.key.verifier().to_string();
    let said = expect(0, &["verify", folder]);
    assert!(said.contains("verified") && said.contains("8 files checked") && said.contains("compare it"), "{said}");
    let said = expect(0, &["verify", folder, "--key", &key]);
    assert!(!said.contains("compare it"), "{said}");

    let stranger = ledger::SigningKey::from_seed("test.example/countersign", &[7; 32]).unwrap();
    let said = expect(1, &["verify", folder, "--key", &stranger.verifier().to_string()]);
    assert!(said.contains("error: "), "{said}");
    expect(2, &["verify", folder, "--key", "not a key"]);

    let change = |path: &Path, change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let kept = fs::read(path).unwrap();
        let mut changed = kept.clone();
        change(&mut changed);
        fs::write(path, changed).unwrap();
        let said = expect(1, &["verify", folder]);
        assert!(said.contains(expected), "{}: {said}", path.display());
        fs::write(path, kept).unwrap();
    };
    let size = server.app.store.head().await.unwrap().size;
    let bundle = target.join(format!("tile/entries/000.p/{size}"));
    change(&bundle, &|bytes| bytes[200] ^= 1, "entry 0");
    change(&bundle, &|bytes| bytes.truncate(bytes.len() - 1), "entry");
    change(&target.join(format!("tile/0/000.p/{size}")), &|bytes| bytes[5] ^= 1, "tile/0");
    change(&target.join("checkpoint"), &|bytes| bytes[0] ^= 1, "checkpoint");
    let evidence = fs::read_dir(target.join("evidence")).unwrap().next().unwrap().unwrap().path();
    change(&evidence, &|bytes| bytes.push(b' '), "evidence/");
    expect(0, &["verify", folder]);
    fs::write(target.join("stowaway"), "x").unwrap();
    assert!(expect(1, &["verify", folder]).contains("stowaway"));
    fs::remove_file(target.join("stowaway")).unwrap();
    fs::remove_file(evidence).unwrap();
    expect(1, &["verify", folder]);
}

#[tokio::test]
async fn misuse_is_told_apart_from_a_no() {
    expect(2, &["verify", "/nonexistent/export"]);
    expect(2, &["verify"]);
    expect(2, &["fsck", "--data", "/nonexistent/data"]);
    expect(2, &["rebuild", "--data", "/nonexistent/data"]);
    expect(2, &["conquer"]);
    assert!(!Path::new("/nonexistent").exists(), "looking makes no folder");
    let (_server, data) = furnished().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "precious").unwrap();
    let said = expect(2, &["export", folder.path().to_str().unwrap(), "--data", &data]);
    assert!(said.contains("not an empty folder"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    expect(2, &["fsck", "--data", &data, "--against", "/nonexistent/checkpoint"]);
}

#[tokio::test]
async fn fsck_and_rebuild_say_what_they_found() {
    let (server, data) = furnished().await;
    let said = expect(0, &["fsck", "--data", &data]);
    assert!(said.contains("agree"), "{said}");
    let outside = server.dir().join("outside.txt");
    fs::write(&outside, &server.app.store.head().await.unwrap().checkpoint).unwrap();
    let outside = outside.to_str().unwrap();
    expect(0, &["fsck", "--data", &data, "--against", outside]);

    execute(&data, "UPDATE model_view SET title = 'Another'").await;
    let said = expect(1, &["fsck", "--data", &data]);
    assert!(said.contains("fault: model_view") && said.contains("countersign rebuild"), "{said}");
    let said = expect(0, &["rebuild", "--data", &data]);
    assert!(said.contains("rebuilt"), "{said}");
    expect(0, &["fsck", "--data", &data]);

    execute(&data, "DELETE FROM entry WHERE seq = 3").await;
    assert!(expect(1, &["fsck", "--data", &data]).contains("entry 4"));
    let said = expect(1, &["rebuild", "--data", &data]);
    assert!(said.contains("nothing was rebuilt"), "{said}");
    let said = expect(2, &["export", server.dir().join("export").to_str().unwrap(), "--data", &data]);
    assert!(said.contains("entry 3 is missing"), "{said}");
}

#[tokio::test]
async fn a_database_of_a_later_release_is_left_alone() {
    let (server, data) = furnished().await;
    execute(
        &data,
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
         SELECT 9999, 'of the future', installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    for command in ["fsck", "rebuild", "serve"] {
        let mut arguments = vec![command, "--data", &data];
        if command == "serve" {
            arguments.extend(["--listen", "127.0.0.1:0"]);
        }
        let said = expect(2, &arguments);
        assert!(said.contains("newer than the program") && said.contains("9999"), "{command}: {said}");
    }
    server.get("/api/v1/me").as_role(Role::Auditor).await.send().await.expect(200);
}

#[test]
fn a_broken_settings_file_names_the_place_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    for (text, expected) in [
        ("listen = \"127.0.0.1:9000\"\nmax_uplod_bytes = 5\n", "max_uplod_bytes"),
        ("listen = \"localhost\"\n", "line 1"),
        ("listen = \n", "line 1"),
        ("public_url = \"ftp://x\"\n", "public_url"),
        ("max_upload_bytes = 0\n", "max_upload_bytes"),
        ("max_upload_bytes = -1\n", "line 1"),
        ("\u{0}", "line 1"),
    ] {
        let file = folder.path().join("countersign.toml");
        fs::write(&file, text).unwrap();
        let said = expect(2, &["serve", "--config", file.to_str().unwrap(), "--data", data, "--listen", "127.0.0.1:0"]);
        assert!(said.contains(expected), "{text:?}: {said}");
    }
    let said = expect(2, &["serve", "--config", "/nonexistent.toml", "--data", data, "--listen", "127.0.0.1:0"]);
    assert!(said.contains("/nonexistent.toml"), "{said}");
    assert!(!Path::new(data).exists(), "nothing was started");
}

#[test]
fn the_openapi_document_is_printed() {
    let (code, stdout, _) = run(&["openapi"]);
    assert_eq!(code, 0);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
}

#[tokio::test]
async fn an_entrys_figures_are_computed_again_from_data_folder_and_export() {
    let (server, data) = furnished().await;
    let version = server.get("/api/v1/models/credit/versions/1").as_role(Role::Auditor).await.send().await.expect(200);
    let evidence = version.json()["evidence"][2].clone();
    let entry = evidence["entry"].as_u64().unwrap().to_string();
    let said = expect(0, &["recompute", &entry, "--data", &data]);
    assert!(said.contains("Evaluation result") && said.contains("equal: 1 computed figure follows"), "{said}");
    // A request rests on every entry before it; a registration computes nothing.
    let entries = server.get("/api/v1/ledger/entries?limit=200").as_role(Role::Auditor).await.send().await.expect(200);
    let entry_of = |event: &str| {
        let entries = entries.json()["entries"].as_array().unwrap().clone();
        entries.iter().find(|entry| entry["event"] == event).map(|entry| entry["seq"].to_string()).unwrap()
    };
    let (asked, told) = (entry_of("promotion.requested"), entry_of("model.registered"));
    let said = expect(0, &["recompute", &asked, "--data", &data]);
    assert!(said.contains("promotion.requested") && said.contains("follow from the entries up to it"), "{said}");
    let said = expect(0, &["recompute", &told, "--data", &data]);
    assert!(said.contains("holds no computed figure"), "{said}");

    let (_folder, target) = exported(&data);
    let folder = target.to_str().unwrap();
    expect(0, &["recompute", &entry, "--export", folder]);
    assert!(expect(0, &["recompute", &asked, "--export", folder]).contains("follow from the entries up to it"));
    assert!(expect(0, &["recompute", &told, "--export", folder]).contains("holds no computed figure"));
    assert!(expect(0, &["recompute", "0", "--export", folder]).contains("policy.adopted"));
    assert!(expect(2, &["recompute", "9999", "--export", folder]).contains("no entry 9999"));
    expect(2, &["recompute", "--export", folder]);

    let digest: ledger::Digest = evidence["file"].as_str().unwrap().parse().unwrap();
    let file = target.join(ledger::export::evidence_path(&digest));
    fs::write(&file, steps::EVALUATION.replace("0.81", "0.91")).unwrap();
    let no = expect(1, &["recompute", &entry, "--export", folder]);
    assert!(no.contains("was altered") && no.contains("not equal"), "{no}");
    fs::remove_file(&file).unwrap();
    assert!(expect(2, &["recompute", &entry, "--export", folder]).contains("is not there"));
}

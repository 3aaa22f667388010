//! Whatever is changed behind the program's back is found by fsck; what only follows from the entries is mended by
//! rebuild, and the entries themselves are never "mended".

use countersign::fsck::{self, FsckError};
use domain::account::Role;
use ledger::Digest;

use crate::{
    common::{Engine, TestServer},
    on_each_engine,
    raw::{another, assert_clean, assert_found, execute, faults, faults_against, model, seal, tamper, tamper_with},
    steps,
};

on_each_engine!(
    changed_states_views_and_tiles_are_found_and_rebuilt,
    changed_entries_are_found_and_nothing_is_rebuilt_from_them,
    a_changed_or_missing_evidence_file_is_found,
    a_personal_value_that_differs_from_its_commitment_is_found,
    a_lost_tail_and_a_rewritten_history_show_against_a_checkpoint_from_outside,
    rebuilding_from_nothing_gives_the_same_rows,
);

/// A ledger with something in every table.
async fn furnished(engine: Engine) -> TestServer {
    let server = TestServer::start_on(engine).await;
    steps::signable(&server, "credit").await;
    let finding = serde_json::json!({
        "severity": "medium", "title": "Drift", "description": "Income drifts.", "due_at": "2099-01-01T00:00:00.000000Z",
    });
    let call = server.post("/api/v1/models/credit/versions/1/findings").json(&finding);
    call.as_role(Role::MrmValidator).await.send().await.expect(201);
    assert_clean(&faults(&server.app).await);
    server
}

async fn changed_states_views_and_tiles_are_found_and_rebuilt(engine: Engine) {
    let server = furnished(engine).await;
    let app = &server.app;
    let changes = [
        (
            "UPDATE aggregate SET state = REPLACE(state, 'credit', 'debit') WHERE id = 'model/credit'",
            "the state of model/credit",
        ),
        ("DELETE FROM aggregate WHERE id = 'version/credit/1'", "states are stored"),
        ("INSERT INTO aggregate (id, state) VALUES ('model/ghost', '{}')", "the state of model/ghost"),
        ("UPDATE model_view SET champions = '{\"US\":1}'", "model_view"),
        ("DELETE FROM model_view", "model_view"),
        ("UPDATE version_view SET stage = 'production'", "version_view"),
        ("UPDATE work_item SET due_at = due_at + 1 WHERE kind = 'remediate'", "work_item"),
        ("DELETE FROM work_item WHERE kind = 'requested'", "work_item"),
        (
            "INSERT INTO work_item (model, version, kind, number, slot, title, since, due_at) \
          VALUES ('credit', 1, 'sign', 9, 'auditor', 'Sign!', 0, 0)",
            "work_item",
        ),
        ("INSERT INTO entry_about (model, version, seq) VALUES ('credit', 1, 0)", "entry_about"),
        ("DELETE FROM tile WHERE level = 0", "tile 0/0"),
    ];
    for (sql, expected) in changes {
        tamper(app, sql).await;
        assert_found(&faults(app).await, expected);
        fsck::rebuild(&app.store).await.unwrap();
        assert_clean(&faults(app).await);
    }
    let zeroes = vec![0; 32];
    tamper_with(app, "UPDATE tile SET hashes = $1 WHERE level = 0", zeroes.clone()).await;
    assert_found(&faults(app).await, "tile 0/0");
    fsck::rebuild(&app.store).await.unwrap();
    tamper_with(app, "INSERT INTO tile (level, number, hashes) VALUES (0, 7, $1)", zeroes).await;
    assert_found(&faults(app).await, "tile 0/7");
    fsck::rebuild(&app.store).await.unwrap();

    let ana = server.account(Role::DataScientist).await;
    seal(app, &ana, model("afterwards")).await.unwrap();
    assert_clean(&faults(app).await);
}

async fn changed_entries_are_found_and_nothing_is_rebuilt_from_them(engine: Engine) {
    let server = furnished(engine).await;
    let app = &server.app;
    let size = app.store.head().await.unwrap().size;
    let columns = [
        ("time = time + 1", "time = time - 1"),
        ("actor = 'x' || actor", "actor = SUBSTR(actor, 2)"),
        ("event = 'x' || event", "event = SUBSTR(event, 2)"),
        ("model = 'x' || model", "model = SUBSTR(model, 2)"),
        ("version = version + 1", "version = version - 1"),
    ];
    let seq = size - 2;
    for (change, undo) in columns {
        tamper(app, &format!("UPDATE entry SET {change} WHERE seq = {seq}")).await;
        assert_found(&faults(app).await, &format!("entry {seq}: its columns"));
        tamper(app, &format!("UPDATE entry SET {undo} WHERE seq = {seq}")).await;
        assert_clean(&faults(app).await);
    }

    // The first, one in the middle and the last: a byte of the payload, with the stored hash made to fit.
    for seq in [0, seq, size - 1] {
        let stored = app.store.entry(seq).await.unwrap().unwrap();
        let mut bytes = stored.bytes.clone();
        let at = bytes.windows(9).position(|window| window == b"\"payload\"").unwrap();
        let letter = bytes[at + 9..].iter().position(u8::is_ascii_lowercase).unwrap() + at + 9;
        bytes[letter] = if bytes[letter] == b'a' { b'b' } else { b'a' };
        let update = |column: &str| format!("UPDATE entry SET {column} = $1 WHERE seq = {seq}");
        tamper_with(app, &update("bytes"), bytes.clone()).await;
        assert_found(&faults(app).await, &format!("entry {seq}: its stored hash"));
        tamper_with(app, &update("hash"), Digest::of(&bytes).as_bytes().to_vec()).await;
        let expected =
            if seq + 1 == size { "the head names".to_owned() } else { format!("entry {}: the entry follows", seq + 1) };
        assert_found(&faults(app).await, &expected);
        assert!(matches!(fsck::rebuild(&app.store).await, Err(FsckError::Broken(_))), "entry {seq}");
        tamper_with(app, &update("bytes"), stored.bytes).await;
        tamper_with(app, &update("hash"), stored.hash.as_bytes().to_vec()).await;
        assert_clean(&faults(app).await);
    }

    // An entry beyond the head is listed to readers, yet nobody signed for it.
    tamper(app, &format!(
        "INSERT INTO entry SELECT {size}, time, actor, event, model, version, bytes, hash FROM entry WHERE seq = {seq}"
    )).await;
    assert_found(&faults(app).await, &format!("entry {size}"));
    tamper(app, &format!("DELETE FROM entry WHERE seq = {size}")).await;

    tamper(app, "UPDATE head SET time = time + 1").await;
    assert_found(&faults(app).await, "the head's time");
    tamper(app, "UPDATE head SET time = time - 1").await;
    tamper(app, "UPDATE head SET checkpoint = REPLACE(checkpoint, 'test.example', 'evil.example')").await;
    assert_found(&faults(app).await, "the checkpoint cannot be verified");
    tamper(app, "UPDATE head SET checkpoint = REPLACE(checkpoint, 'evil.example', 'test.example')").await;
    assert_clean(&faults(app).await);

    tamper(app, &format!("DELETE FROM entry WHERE seq = {seq}")).await;
    assert_found(&faults(app).await, &format!("number {seq} comes next"));
    tamper(app, &format!("DELETE FROM entry WHERE seq > {seq}")).await;
    assert_found(&faults(app).await, &format!("entry {seq}: the entry is missing"));
    assert!(matches!(fsck::rebuild(&app.store).await, Err(FsckError::Broken(_))));
}

async fn a_changed_or_missing_evidence_file_is_found(engine: Engine) {
    let server = furnished(engine).await;
    let digest = Digest::of(steps::JUNIT.as_bytes());
    let file = server.app.blobs.location(&digest);
    std::fs::write(&file, steps::JUNIT.replace("one", "two")).unwrap();
    assert_found(&faults(&server.app).await, &format!("the evidence file {digest} of entry"));
    assert_found(&faults(&server.app).await, "was changed");
    std::fs::remove_file(&file).unwrap();
    assert_found(&faults(&server.app).await, "is not in the folder");
    std::fs::write(&file, steps::JUNIT).unwrap();
    assert_clean(&faults(&server.app).await);
}

async fn a_personal_value_that_differs_from_its_commitment_is_found(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let app = &server.app;
    let ana = server.account(Role::DataScientist).await;
    let vera = server.account(Role::MrmValidator).await;
    assert_clean(&faults(app).await);
    let name = format!("WHERE account = '{ana}' AND field = 'name'");

    tamper(app, &format!("UPDATE vault SET value = value || '!' {name}")).await;
    let found = faults(app).await;
    assert_found(&found, &format!("the personal value name of {ana} is not the one"));
    assert!(found.len() == 1 && !found[0].contains("Test Data scientist"), "no personal value is told: {found:?}");
    tamper(app, &format!("UPDATE vault SET value = REPLACE(value, '!', '') {name}")).await;
    assert_clean(&faults(app).await);

    let salt = app.store.vault(&[ana.to_string()]).await.unwrap().into_iter().find(|f| f.field == "name").unwrap().salt;
    tamper_with(app, &format!("UPDATE vault SET salt = $1 {name}"), vec![7; 32]).await;
    assert_found(&faults(app).await, &format!("the personal value name of {ana} is not the one"));
    tamper_with(app, &format!("UPDATE vault SET salt = $1 {name}"), salt).await;

    tamper(app, &format!("UPDATE vault SET account = 'nobody' {name}")).await;
    let found = faults(app).await;
    assert_found(&found, &format!("the personal value name of {ana} and its salt are not in the vault"));
    assert_found(&found, "the personal value name of nobody stands in the vault, but no entry");
    tamper(app, &format!("UPDATE vault SET account = '{ana}' WHERE account = 'nobody'")).await;

    tamper(app, &format!("DELETE FROM vault WHERE account = '{vera}'")).await;
    let found = faults(app).await;
    assert_found(&found, &format!("the personal value email of {vera} and its salt are not in the vault"));
    assert_found(&found, &format!("the personal value name of {vera} and its salt are not in the vault"));
    assert_eq!(found.len(), 2, "{found:?}");
}

async fn a_lost_tail_and_a_rewritten_history_show_against_a_checkpoint_from_outside(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let app = &server.app;
    let ana = server.account(Role::DataScientist).await;
    seal(app, &ana, model("kept")).await.unwrap();
    let backup = app.store.head().await.unwrap();
    for name in ["lost-1", "lost-2", "lost-3"] {
        seal(app, &ana, model(name)).await.unwrap();
    }
    let outside = app.store.head().await.unwrap().checkpoint;
    assert_clean(&faults_against(app, Some(&outside)).await);
    assert_clean(&faults_against(app, Some(&backup.checkpoint)).await);

    // As if the backup had been restored: in itself it is whole.
    tamper(app, &format!("DELETE FROM entry WHERE seq >= {}", backup.size)).await;
    let (size, time, note) = (backup.size, backup.time.micros(), &backup.checkpoint);
    let sql = format!("UPDATE head SET size = {size}, time = {time}, checkpoint = '{note}', last = $1");
    tamper_with(app, &sql, backup.last.as_bytes().to_vec()).await;
    fsck::rebuild(&app.store).await.unwrap();
    assert_clean(&faults(app).await);
    assert_found(&faults_against(app, Some(&outside)).await, "entries were lost, or an old backup was restored");

    // Whoever holds the key writes another history on top; it too is whole in itself.
    for name in ["other-1", "other-2", "other-3", "other-4"] {
        seal(app, &ana, model(name)).await.unwrap();
    }
    assert_clean(&faults(app).await);
    assert_clean(&faults_against(app, Some(&backup.checkpoint)).await);
    assert_found(&faults_against(app, Some(&outside)).await, "history was rewritten");
    assert_found(&faults_against(app, Some("not a checkpoint")).await, "cannot be verified with this ledger's key");
}

async fn rebuilding_from_nothing_gives_the_same_rows(engine: Engine) {
    let server = furnished(engine).await;
    let app = &server.app;
    let mut before = Vec::new();
    let mut write = app.store.begin().await.unwrap();
    for view in ["model_view", "version_view", "work_item"] {
        before.push(write.dump_view(view).await.unwrap());
    }
    drop(write);
    assert!(before.iter().all(|rows| !rows.is_empty()));
    let states = app.store.aggregates_after("", 1_000).await.unwrap();
    for table in ["aggregate", "model_view", "version_view", "work_item", "tile"] {
        assert!(execute(app, &format!("DELETE FROM {table}"), None).await > 0);
    }
    let outcome = fsck::rebuild(&app.store).await.unwrap();
    assert_eq!(outcome.states, states.len() as u64);
    let mut after = Vec::new();
    let mut write = app.store.begin().await.unwrap();
    for view in ["model_view", "version_view", "work_item"] {
        after.push(write.dump_view(view).await.unwrap());
    }
    drop(write);
    assert_eq!(before, after);
    assert_eq!(app.store.aggregates_after("", 1_000).await.unwrap(), states);
    // A server that starts on the rebuilt tables reads the tree from the tiles and goes on.
    let fresh = another(&server).await.unwrap();
    seal(&fresh, &server.account(Role::DataScientist).await, model("afterwards")).await.unwrap();
    assert_clean(&faults(app).await);
}

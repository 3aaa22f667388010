//! Starting on data that do not fit: another key, no key, a key that others may read, a later release's tables.

use std::{fs, os::unix::fs::PermissionsExt as _};

use countersign::{keys::KeyFileError, service::StartError, storage::StoreError};
use ledger::SigningKey;

use crate::{
    common::{Engine, TestServer},
    on_each_engine,
    raw::{another, assert_clean, faults, tamper},
};

on_each_engine!(a_ledger_never_changes_its_key_silently, a_database_newer_than_the_program_is_left_alone);

async fn a_ledger_never_changes_its_key_silently(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let file = &server.app.config.signing_key;
    let size = server.app.store.head().await.unwrap().size;
    let mode = |mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let own = fs::read_to_string(file).unwrap();

    mode(0o640);
    let error = another(&server).await.err().unwrap();
    assert!(matches!(&error, StartError::Key(KeyFileError::Exposed(_))), "{error}");
    assert!(error.to_string().contains("chmod 600"), "{error}");
    mode(0o600);

    let stranger = SigningKey::from_seed("test.example/countersign", &[7; 32]).unwrap();
    fs::write(file, stranger.to_secret_text()).unwrap();
    let error = another(&server).await.err().unwrap();
    assert!(matches!(&error, StartError::Key(KeyFileError::Other { .. })), "{error}");
    assert!(!error.to_string().contains(&stranger.to_secret_text()), "no secret in an error");

    fs::write(file, "not a key").unwrap();
    let error = another(&server).await.err().unwrap();
    assert!(matches!(&error, StartError::Key(KeyFileError::Broken { .. })), "{error}");

    fs::remove_file(file).unwrap();
    let error = another(&server).await.err().unwrap();
    assert!(matches!(&error, StartError::Key(KeyFileError::Gone(_))), "{error}");
    assert!(!file.exists(), "no new key is made for a ledger that has one");

    fs::write(file, own).unwrap();
    mode(0o600);
    let again = another(&server).await.map_err(|error| error.to_string()).unwrap();
    assert_eq!(again.store.head().await.unwrap().size, size);
    assert_clean(&faults(&again).await);
}

async fn a_database_newer_than_the_program_is_left_alone(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    tamper(
        &server.app,
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
         SELECT 9999, 'of the future', installed_on, success, checksum, execution_time FROM _sqlx_migrations \
         WHERE version = 1",
    )
    .await;
    let error = another(&server).await.err().unwrap();
    assert!(matches!(&error, StartError::Store(StoreError::Newer(9_999))), "{error}");
    assert!(error.to_string().contains("newer than the program"), "{error}");
    tamper(&server.app, "DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    assert!(another(&server).await.is_ok());
}

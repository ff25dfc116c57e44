//! Stores that cannot be opened.

use crate::support::{text, voxgate};

fn refused(url: &str, code: i32, parts: &[&str]) {
    for command in [&["usage"][..], &["claims"], &["doctor"], &["why", "room"], &["release", "owner"]] {
        let output = voxgate().args(command).args(["--store", url]).output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        for part in parts {
            assert!(error.contains(part), "`{part}` in {error}");
        }
    }
}

#[test]
fn an_address_that_names_no_store() {
    refused(
        "localhost:6379",
        2,
        &["`localhost:6379` names no store", "expected a file such as voxgate.db, redis[s]://host"],
    );
    refused("http://me:secret@host", 2, &["`http://host", "postgres://user@host/database"]);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_file_that_is_not_there_or_no_store() {
    refused("/nowhere/voxgate.db", 1, &["/nowhere/voxgate.db: it cannot be opened; is the path right"]);
    refused("samples/keyboard.wav.db", 1, &["samples/keyboard.wav.db: it cannot be opened"]);
    let folder = tempfile::TempDir::new().unwrap();
    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "no database, but longer than the header of one ".repeat(9)).unwrap();
    refused(text.to_str().unwrap(), 1, &["it is no SQLite file; name another one"]);
}

#[cfg(not(feature = "redis"))]
#[test]
fn a_command_without_redis_says_how_to_get_it() {
    refused("redis://localhost", 2, &["built without Redis", "--features redis"]);
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_command_without_postgres_says_how_to_get_it() {
    refused("postgres://localhost/db", 2, &["built without PostgreSQL", "--features postgres"]);
}

#[cfg(feature = "redis")]
#[test]
fn a_redis_that_is_not_there() {
    refused("redis://127.0.0.1:1", 1, &["Redis cannot be reached", "is it running"]);
}

#[cfg(feature = "postgres")]
#[test]
fn a_postgres_that_is_not_there() {
    refused("postgres://a:secret@127.0.0.1:1/b", 1, &["PostgreSQL cannot be reached", "is it running"]);
}

/// Not in an error, not in a title; `hunter2` is the password.
#[test]
fn a_password_is_not_shown_in_whatever_form_it_comes() {
    for url in [
        "redis://me:hunter2@127.0.0.1:1/0",
        "redis://me:hunter2@127.0.0.1:99999",
        "redis://me:hunter2",
        "redis+unix:///nowhere/redis.sock?pass=hunter2",
        "rediss://:hunter2@127.0.0.1:1",
        "postgres://127.0.0.1:1/calls?user=me&password=hunter2",
        "postgres://127.0.0.1:port/calls?user=me&password=hunter2",
        "postgres://127.0.0.1:1/calls?user=me&hunter2=x",
        "host=127.0.0.1 port=1 user=me password=hunter2",
        "me:hunter2@127.0.0.1:1",
        "http://me:hunter2@host",
    ] {
        for command in [&["usage"][..], &["claims"], &["doctor"], &["why", "room"], &["release", "owner"]] {
            let output = voxgate().args(command).args(["--store", url]).output().unwrap();
            let told = text(&output.stderr) + &text(&output.stdout);
            assert!(!output.status.success() && !told.contains("hunter2"), "{command:?} {url}: {told}");
        }
    }
}

#[test]
fn the_address_comes_from_the_option_a_file_or_the_environment() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, empty) = (dir.path().join("store"), dir.path().join("empty"));
    std::fs::write(&file, "  http://from-a-file  \nsecond line\n").unwrap();
    std::fs::write(&empty, "\nhttp://second-line\n").unwrap();
    let (file, empty) = (file.to_str().unwrap(), empty.to_str().unwrap());
    let environment = Some("http://from-the-environment");
    for (args, variable, code, told) in [
        (&["--store", "http://from-the-option"][..], environment, 2, "`http://from-the-option` names no store"),
        (&["--store-file", file], environment, 2, "`http://from-a-file` names no store"),
        (&[], environment, 2, "`http://from-the-environment` names no store"),
        (&[], None, 2, "use --store STORE, --store-file FILE or VOXGATE_STORE"),
        (&[], Some(""), 2, "use --store STORE, --store-file FILE or VOXGATE_STORE"),
        (&["--store-file", empty], environment, 2, "is empty; expected a file such as voxgate.db"),
        (&["--store-file", "/nowhere/store"], environment, 1, "cannot read /nowhere/store"),
        (&["--store", "x", "--store-file", file], None, 2, "cannot be used with"),
    ] {
        let mut command = voxgate();
        match variable {
            Some(url) => command.env("VOXGATE_STORE", url),
            None => command.env_remove("VOXGATE_STORE"),
        };
        let output = command.arg("claims").args(args).output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
        assert!(error.contains(told), "{args:?}: {error}");
    }
}

/// Escape sequences from outside do not reach the terminal in an error either.
#[test]
fn an_error_is_printable() {
    let output = voxgate().args(["cost", "estimate", "no\u{1b}[31m\u{202e}where.toml"]).output().unwrap();
    let error = text(&output.stderr);
    assert!(error.contains("no\\u{1b}[31m\\u{202e}where.toml") && !error.contains('\u{202e}'), "{error}");
}

#[test]
fn names_that_cannot_be() {
    let output = voxgate().args(["why", "", "--store", "redis://localhost"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the name is empty"), "{}", text(&output.stderr));
}

//! Stores that cannot be opened.

use crate::support::{text, voxgate};

fn refused(url: &str, code: i32, parts: &[&str]) {
    for command in [&["usage"][..], &["claims"], &["why", "room"], &["release", "owner"]] {
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
    refused("localhost:6379", 2, &["`localhost:6379` names no store", "expected redis://host[:port]"]);
    refused("http://me:secret@host", 2, &["`http://host", "postgres://user@host/database"]);
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

#[test]
fn names_that_cannot_be() {
    let output = voxgate().args(["why", "", "--store", "redis://localhost"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the name is empty"), "{}", text(&output.stderr));
}

//! Encrypted links to real servers, and what is said where there is none.

use std::fmt::Debug;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use voxgate_guard::store::{
    ClientCertificate, GuardStore, Health, PostgresStore, RedisStore, ServerCheck, StoreError, Tls, TrustRoots,
};

use crate::authority::{Authority, Signed};
use crate::contract::{Really, keeps_its_promises};
use crate::server::{self, Postgres, Redis, Sentinel, give_to_postgres, patient};

/// A Redis that has a port for TLS beside its own, and that port.
fn sealed_redis(authority: &Authority, server: &Signed, extra: &[&str]) -> Option<(Redis, u16)> {
    let port = server::free_port();
    let (port_word, ca) = (port.to_string(), authority.file());
    let words = ["--save", "", "--tls-port", &port_word, "--tls-cert-file", word(&server.certificate)];
    let files = ["--tls-key-file", word(&server.key), "--tls-ca-cert-file", word(&ca)];
    Some((Redis::start_with(&[&words, &files[..], extra].concat())?, port))
}

const ANY_CLIENT: [&str; 2] = ["--tls-auth-clients", "no"];

/// A PostgreSQL whose rule for connections over TCP is this line.
fn sealed_postgres(authority: &Authority, server: &Signed, rule: &str, extra: &[&str]) -> Option<Postgres> {
    let rules = authority.folder().join("hba.conf");
    std::fs::write(&rules, format!("local all all trust\n{rule}\n")).unwrap();
    std::fs::set_permissions(&server.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    give_to_postgres(authority.folder());
    let settings = [
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", server.certificate.display()),
        format!("ssl_key_file={}", server.key.display()),
        format!("ssl_ca_file={}", authority.file().display()),
        format!("hba_file={}", rules.display()),
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting]).collect();
    Postgres::start_with(&[&settings, extra].concat())
}

fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The refusal, which names all of `told` and never the password.
fn refused<S: Debug>(what: &str, connected: Result<S, StoreError>, told: &[&str]) {
    let error = connected.expect_err(what).to_string();
    println!("{what}: {error}");
    for part in told {
        assert!(error.contains(part), "{what}: `{part}` in {error}");
    }
    assert!(!error.contains("s3cret"), "{what}: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_its_promises_over_tls() {
    let _quiet = crate::BUSY.read().await;
    let authority = Authority::new();
    let Some((redis, port)) = sealed_redis(&authority, &authority.sign("localhost"), &ANY_CLIENT) else { return };
    let url = format!("rediss://localhost:{port}?sslrootcert={}", authority.file().display());
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(Arc::new(RedisStore::connect(&url, patient()).await.unwrap()));
    }
    redis.end_the_grace().await;
    keeps_its_promises(&stores, &Really).await;
    told_by(&*stores[0], Health::Good, "is encrypted, and its certificate was checked").await;
    let plain = RedisStore::connect(&redis.url(), patient()).await.unwrap();
    told_by(&plain, Health::Good, "stays on this machine").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_its_promises_over_tls() {
    let _quiet = crate::BUSY.read().await;
    let authority = Authority::new();
    let server = authority.sign("localhost");
    let lazy = ["-c", "synchronous_commit=off"];
    let Some(postgres) = sealed_postgres(&authority, &server, "hostssl all all all trust", &lazy) else { return };
    let (port, ca) = (postgres.port(), authority.file());
    let url = format!("postgres://voxgate@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={}", ca.display());
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(Arc::new(PostgresStore::connect(&url, patient()).await.unwrap()));
    }
    keeps_its_promises(&stores, &Really).await;
    told_by(&*stores[0], Health::Good, "is encrypted, and its certificate was checked").await;

    // The same server, in other words.
    let plain = format!("postgres://voxgate@localhost:{port}/postgres");
    let unchecked = PostgresStore::connect(&plain, patient()).await.unwrap();
    told_by(&unchecked, Health::Warning, "nobody checks who answers").await;
    let pairs = format!(
        "host=localhost port={port} user=voxgate dbname=postgres sslmode=verify-ca sslrootcert='{}'",
        word(&ca)
    );
    PostgresStore::connect(&pairs, patient()).await.unwrap();
    let tls = Tls { server: ServerCheck::Full(TrustRoots::File(ca)), client: None };
    PostgresStore::with_tls(&plain, tls.clone(), patient()).unwrap().survey().await.unwrap();
    refused("two ways at once", PostgresStore::with_tls(&url, tls, patient()), &["says nothing about TLS itself"]);
    let socket =
        format!("host={} port={port} user=voxgate dbname=postgres sslmode=require", postgres.folder().display());
    let socket = PostgresStore::connect(&socket, patient()).await.unwrap();
    told_by(&socket, Health::Good, "stays on this machine").await;
}

async fn told_by(store: &impl GuardStore, health: Health, told: &str) {
    let findings = store.checkup().await.unwrap();
    assert!(findings.iter().any(|found| found.health == health && found.what.contains(told)), "{told}: {findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_the_one_meant_is_told() {
    let _quiet = crate::BUSY.read().await;
    let (authority, other) = (Authority::new(), Authority::new());
    let user = ["--user", "worker", "on", ">s3cret", "~*", "&*", "+@all"];
    let server = authority.sign("localhost");
    let Some((redis, port)) = sealed_redis(&authority, &server, &[&ANY_CLIENT[..], &user].concat()) else { return };
    let (_old, expired) = sealed_redis(&authority, &authority.sign_expired("localhost"), &ANY_CLIENT).unwrap();
    let plain_port = redis.url().rsplit_once(':').unwrap().1.to_owned();
    let (ca, not_its) = (authority.file(), other.file());
    let (ca, not_its) = (word(&ca), word(&not_its));
    for (what, url, told) in [
        (
            "wrong authority",
            format!("rediss://:s3cret@localhost:{port}?sslrootcert={not_its}"),
            ["not signed by an authority", "sslrootcert=FILE"],
        ),
        (
            "wrong authority, any host",
            format!("rediss://localhost:{port}?sslmode=verify-ca&sslrootcert={not_its}"),
            ["not signed by", "sslrootcert=FILE"],
        ),
        ("wrong host", format!("rediss://127.0.0.1:{port}?sslrootcert={ca}"), ["for another host", "subjectAltName"]),
        ("expired", format!("rediss://localhost:{expired}?sslrootcert={ca}"), ["has expired", "renew it"]),
        (
            "expired, any host",
            format!("rediss://127.0.0.1:{expired}?sslmode=verify-ca&sslrootcert={ca}"),
            ["has expired", "renew it"],
        ),
        (
            "plain port",
            format!("rediss://localhost:{plain_port}?sslrootcert={ca}"),
            ["no encrypted link to Redis", "is this its TLS port?"],
        ),
        ("TLS port without TLS", format!("redis://:s3cret@localhost:{port}"), ["cannot be reached", "write rediss://"]),
        (
            "words of TLS without TLS",
            format!("redis://:s3cret@localhost:{port}?sslrootcert={ca}"),
            ["expected redis://", "go with rediss://"],
        ),
        (
            "wrong password",
            format!("rediss://worker:s3crets@localhost:{port}?sslrootcert={ca}"),
            ["Redis cannot be reached", "authentication failed"],
        ),
        (
            "an option of another client",
            format!("rediss://localhost:{port}/#insecure"),
            ["its `#` is no option", "sslmode=require"],
        ),
        ("TLS without TLS", format!("rediss://localhost:{port}?sslmode=prefer"), ["always encrypted", "rediss://"]),
    ] {
        refused(what, RedisStore::connect(&url, patient_enough()).await, &told);
    }
    for (what, url) in [
        ("with a password", format!("rediss://worker:s3cret@localhost:{port}?sslrootcert={ca}")),
        ("any host", format!("rediss://127.0.0.1:{port}?sslmode=verify-ca&sslrootcert={ca}")),
        ("anybody", format!("rediss://127.0.0.1:{expired}?sslmode=require")),
    ] {
        RedisStore::connect(&url, patient()).await.expect(what);
    }
}

/// A handshake that hangs ends in a second.
fn patient_enough() -> voxgate_guard::store::SharedConfig {
    voxgate_guard::store::SharedConfig { timeout: std::time::Duration::from_secs(2), ..patient() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_wants_a_certificate_says_so() {
    let _quiet = crate::BUSY.read().await;
    let (authority, other) = (Authority::new(), Authority::new());
    let (server, client, stranger) = (authority.sign("localhost"), authority.sign("worker"), other.sign("worker"));
    for version in ["TLSv1.2", "TLSv1.3"] {
        let Some((_redis, port)) = sealed_redis(&authority, &server, &["--tls-protocols", version]) else { return };
        let url = format!("rediss://localhost:{port}");
        let tls = |client: Option<&Signed>| Tls {
            server: ServerCheck::Full(TrustRoots::File(authority.file())),
            client: client.map(|of| ClientCertificate { chain: of.certificate.clone(), key: of.key.clone() }),
        };
        RedisStore::with_tls(&url, tls(Some(&client)), patient()).unwrap().survey().await.unwrap();
        let without = RedisStore::with_tls(&url, tls(None), patient()).unwrap().survey().await;
        refused("no certificate", without, &["wants a certificate", "sslcert=FILE and sslkey=FILE"]);
        let strange = RedisStore::with_tls(&url, tls(Some(&stranger)), patient()).unwrap().survey().await;
        refused("another's certificate", strange, &["refuses the certificate of this side", "which the server trusts"]);
    }
    refused("no rediss", RedisStore::with_tls("redis://host", Tls::default(), patient()), &["rediss://"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_are_told_before_anything_is_sent() {
    let authority = Authority::new();
    let (one, two) = (authority.sign("one"), authority.sign("two"));
    let [key, other, certificate, ca] =
        [&one.key, &two.key, &one.certificate, &authority.file()].map(|path| word(path).to_owned());
    for (what, words, told) in [
        ("missing", "sslrootcert=/nowhere/ca.pem".to_owned(), ["/nowhere/ca.pem: cannot be read (No such file", "PEM"]),
        ("a folder", format!("sslrootcert={}", authority.folder().display()), ["cannot be read", "PEM"]),
        ("no certificate", format!("sslrootcert={key}"), ["no certificate is in it", "-----BEGIN CERTIFICATE-----"]),
        ("no key", format!("sslcert={certificate}&sslkey={ca}"), ["no private key is in it", "openssl pkey"]),
        ("another key", format!("sslcert={certificate}&sslkey={other}"), ["does it belong to", "one.pem?"]),
        ("half", format!("sslcert={certificate}"), ["two files", "`sslcert` and `sslkey`"]),
    ] {
        let redis = RedisStore::new(&format!("rediss://me:s3cret@localhost:1?sslmode=require&{words}"), patient());
        refused(what, redis, &told);
        let postgres = format!("postgres://me:s3cret@localhost:1/x?sslmode=require&{words}");
        refused(what, PostgresStore::new(&postgres, patient()), &told);
    }
    std::fs::write(authority.file(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    refused("rubbish", RedisStore::new(&format!("rediss://localhost:1?sslrootcert={ca}"), patient()), &["ca.pem: "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_not_the_one_meant_is_told() {
    let _quiet = crate::BUSY.read().await;
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.sign("localhost");
    let rules = "hostssl all guest all scram-sha-256\nhostssl all all all trust";
    let Some(postgres) = sealed_postgres(&authority, &server, rules, &[]) else { return };
    let socket = format!("host={} port={} user=voxgate dbname=postgres", postgres.folder().display(), postgres.port());
    let (admin, connection) = tokio_postgres::connect(&socket, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let guest = "create role guest login password 's3cret'; grant create on database postgres to guest";
    admin.batch_execute(guest).await.unwrap();
    let unsealed = Postgres::start().unwrap();
    let (ca, not_its) = (authority.file(), other.file());
    let (ca, not_its) = (word(&ca), word(&not_its));
    let (port, without) = (postgres.port(), unsealed.port());
    for (what, host, port, words, told) in [
        (
            "wrong authority",
            "localhost",
            port,
            format!("sslmode=verify-full&sslrootcert={not_its}"),
            ["not signed by an authority", "sslrootcert=FILE"],
        ),
        (
            "wrong host",
            "127.0.0.1",
            port,
            format!("sslmode=verify-full&sslrootcert={ca}"),
            ["for another host", "subjectAltName"],
        ),
        (
            "no TLS there",
            "localhost",
            without,
            format!("sslmode=verify-full&sslrootcert={ca}"),
            ["no encrypted link to PostgreSQL", "set ssl = on there"],
        ),
        ("TLS only", "localhost", port, "sslmode=disable".to_owned(), ["no encryption", "say sslmode=verify-full"]),
        ("unknown mode", "localhost", port, "sslmode=allow".to_owned(), ["none of disable, prefer", "verify-full"]),
    ] {
        let url = format!("postgres://voxgate:s3cret@{host}:{port}/postgres?{words}");
        refused(what, PostgresStore::connect(&url, patient()).await, &told);
    }
    let guest =
        |word: &str| format!("postgres://guest:{word}@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}");
    PostgresStore::connect(&guest("s3cret"), patient()).await.expect("a password over TLS");
    refused("wrong password", PostgresStore::connect(&guest("s3crets"), patient()).await, &["password authentication"]);
    for (what, host, port, words) in [
        ("any host", "127.0.0.1", port, format!("sslmode=verify-ca&sslrootcert={ca}")),
        ("anybody", "127.0.0.1", port, "sslmode=require".to_owned()),
        ("encrypted if it can", "localhost", port, "sslmode=prefer".to_owned()),
        ("it cannot", "localhost", without, "sslmode=prefer".to_owned()),
    ] {
        let url = format!("postgres://voxgate@{host}:{port}/postgres?{words}");
        PostgresStore::connect(&url, patient()).await.expect(what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_wants_a_certificate_says_so() {
    let _quiet = crate::BUSY.read().await;
    let (authority, other) = (Authority::new(), Authority::new());
    let (server, client, stranger) =
        (authority.sign_expired("localhost"), authority.sign("worker"), other.sign("worker"));
    let rule = "hostssl all all all trust clientcert=verify-ca";
    let Some(postgres) = sealed_postgres(&authority, &server, rule, &[]) else { return };
    let url = format!("postgres://voxgate@localhost:{}/postgres?sslmode=", postgres.port());
    let files = |of: &Signed| format!("&sslcert={}&sslkey={}", word(&of.certificate), word(&of.key));
    let connect = async |words: String| PostgresStore::connect(&(url.clone() + &words), patient()).await;
    connect(format!("require{}", files(&client))).await.unwrap();
    refused(
        "no certificate",
        connect("require".to_owned()).await,
        &["valid client certificate", "sslcert=FILE and sslkey=FILE"],
    );
    let strange = connect(format!("require{}", files(&stranger))).await;
    refused("another's certificate", strange, &["refuses the certificate of this side", "which the server trusts"]);
    let expired = connect(format!("verify-full&sslrootcert={}{}", word(&authority.file()), files(&client))).await;
    refused("expired", expired, &["has expired", "renew it"]);
}

/// The links to the Sentinels are encrypted too.
#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_their_primary_are_spoken_to_over_tls() {
    let _quiet = crate::BUSY.read().await;
    let authority = Authority::new();
    let (server, ca, port) = (authority.sign("127.0.0.1"), authority.file(), server::free_port());
    let Some((_redis, primary)) = sealed_redis(&authority, &server, &ANY_CLIENT) else { return };
    let file = authority.folder().join("sentinel.conf");
    let words = [
        format!("port 0\ntls-port {port}\ntls-replication yes\ntls-auth-clients no\nbind 127.0.0.1"),
        format!("tls-cert-file {}\ntls-key-file {}", word(&server.certificate), word(&server.key)),
        format!("tls-ca-cert-file {}\nsentinel monitor calls 127.0.0.1 {primary} 1", word(&ca)),
    ];
    std::fs::write(&file, words.join("\n")).unwrap();
    let _sentinel = Sentinel::start(&file);
    let url = format!("rediss+sentinel://127.0.0.1:{port}/calls");
    let connect = async |ca: &Path| RedisStore::connect(&format!("{url}?sslrootcert={}", word(ca)), patient()).await;
    let begin = std::time::Instant::now();
    let store = loop {
        match connect(&ca).await {
            Ok(store) => break store,
            // It has just been started.
            Err(error) => assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{error}"),
        }
    };
    told_by(&store, Health::Good, "is encrypted, and its certificate was checked").await;
    let other = Authority::new();
    let wrong = connect(&other.file()).await;
    refused("a Sentinel of another authority", wrong, &["not signed by an authority", "sslrootcert=FILE"]);
}

/// A server gets a certificate of another authority, and the file that names it is another: no worker is restarted.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_renewed_while_a_worker_runs() {
    let _quiet = crate::BUSY.read().await;
    let mut authority = Authority::new();
    let Some((mut redis, port)) = sealed_redis(&authority, &authority.sign("localhost"), &ANY_CLIENT) else { return };
    let url = format!("rediss://localhost:{port}?sslrootcert={}", authority.file().display());
    let store = RedisStore::connect(&url, patient()).await.unwrap();
    let old = std::fs::read(authority.file()).unwrap();
    authority.renew();
    authority.sign("localhost");
    let new = std::fs::read(authority.file()).unwrap();
    redis.kill();
    redis.restart();
    std::fs::write(authority.file(), old).unwrap();
    _ = store.survey().await;
    refused("not yet", store.survey().await, &["not signed by an authority"]);
    std::fs::write(authority.file(), new).unwrap();
    store.survey().await.unwrap();
}

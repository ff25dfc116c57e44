//! `voxgate serve` as a process: settings, signals, encryption, and several instances on one store.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{client_async, connect_async};

use crate::authority::Authority;
use crate::server::Redis;
use crate::support::{Agent, Client, End, PATIENCE, begin};

/// A process of its own.
struct Instance {
    child: Child,
    /// Where it listens.
    url: String,
    _says: BufReader<ChildStderr>,
}

impl Instance {
    fn start(settings: &str, folder: &Path, environment: &[(&str, &str)]) -> Self {
        let file = folder.join(format!("{}.toml", fastrand::u64(..)));
        std::fs::write(&file, format!("listen = \"127.0.0.1:0\"\n{settings}")).unwrap();
        Self::run(&["--config", file.to_str().unwrap()], environment)
    }

    fn run(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voxgate"));
        command.arg("serve").args(args).envs(environment.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut says = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        says.read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.contains("://")).expect(&line).to_owned();
        Self { child, url, _says: says }
    }

    fn address(&self) -> SocketAddr {
        self.url.split('/').nth(2).and_then(|address| address.parse().ok()).expect("an address")
    }

    async fn call(&self, agent: &Agent) -> Result<Client, u16> {
        let connecting = tokio::time::timeout(PATIENCE, connect_async(self.url.as_str()));
        tokio::select! {
            done = connecting => match done.expect("in time") {
                Ok((socket, _)) => Ok(End { socket }),
                Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
                Err(error) => panic!("{error}"),
            },
            () = agent.accept_all() => unreachable!("it accepts for ever"),
        }
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn route(agent: SocketAddr) -> String {
    format!("[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"ws://{agent}/ws\"\n")
}

#[test]
fn settings_that_are_wrong_or_absent_are_told() {
    let folder = tempfile::TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_voxgate")).arg("serve").args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, _, error) = run(&[]);
    assert!(code == Some(2) && error.contains("--config"), "{error}");
    let (code, _, error) = run(&["--config", "/nowhere.toml"]);
    assert!(code == Some(1) && error.contains("cannot read /nowhere.toml"), "{error}");
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "").unwrap();
    let (code, _, error) = run(&["--config", file.to_str().unwrap()]);
    assert!(code == Some(2) && error.contains("[[route]]"), "{error}");
    // Every setting of the example is read, with the comments taken away as well.
    let (code, example, _) = run(&["--example"]);
    assert_eq!(code, Some(0));
    voxgate::serve::ServeConfig::from_toml(&example).expect("the example");
    let live = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.starts_with('[') || rest.split(' ').nth(1) == Some("=") => rest.to_owned(),
        _ => line.to_owned(),
    };
    let whole: Vec<String> = example.lines().map(live).collect();
    voxgate::serve::ServeConfig::from_toml(&whole.join("\n")).expect("the example with everything in it");
}

#[test]
fn the_files_for_deployment_hold_settings_that_can_be_read() {
    let compose = std::fs::read_to_string("deploy/serve.toml").unwrap();
    voxgate::serve::ServeConfig::from_toml(&compose).expect("deploy/serve.toml");
    let manifests = std::fs::read_to_string("deploy/kubernetes/voxgate.yaml").unwrap();
    let (_, rest) = manifests.split_once("serve.toml: |\n").expect("a ConfigMap");
    let inner: Vec<&str> =
        rest.lines().map_while(|line| line.is_empty().then_some("").or(line.strip_prefix("    "))).collect();
    voxgate::serve::ServeConfig::from_toml(&inner.join("\n")).expect("the ConfigMap");
}

#[tokio::test]
async fn sigterm_lets_calls_end_and_says_how_they_did() {
    let (folder, agent) = (tempfile::TempDir::new().unwrap(), Agent::start().await);
    let settings = format!("limits.drain = \"300ms\"\n{}", route(agent.address));
    let mut instance = Instance::start(&settings, folder.path(), &[]);
    let (client, (mut call, ..)) = tokio::join!(connect_async(instance.url.as_str()), agent.accept());
    let mut client = End { socket: client.unwrap().0 };
    begin(&mut client, "CA1").await;
    call.next().await;
    call.next().await;
    instance.signal("-TERM");
    assert_eq!(client.closed().await, Some(1001));
    assert_eq!(call.closed().await, Some(1001));
    assert!(instance.child.wait().unwrap().success());
    let mut log = String::new();
    instance.child.stdout.take().unwrap().read_to_string(&mut log).unwrap();
    let record: Value = serde_json::from_str(log.trim()).expect("a line of JSON");
    assert_eq!((&record["name"], &record["door"]), (&json!("CA1"), &json!("twilio")));
    assert!(record["why"].as_str().unwrap().contains("shutting down"));
}

#[tokio::test]
async fn both_sides_can_be_encrypted() {
    let authority = Authority::new();
    let signed = authority.sign("localhost");
    let agent = Agent::start_with_tls(&signed.certificate, &signed.key).await;
    let settings = format!(
        "[tls]\ncert = \"{}\"\nkey = \"{}\"\n[[route]]\npath = \"/twilio\"\ndoor = \"twilio\"\nupstream = \"wss://localhost:{}/ws\"\n",
        signed.certificate.display(),
        signed.key.display(),
        agent.address.port(),
    );
    let roots = authority.file();
    let trusted = [("SSL_CERT_FILE", roots.to_str().unwrap())];
    let instance = Instance::start(&settings, authority.folder(), &trusted);
    assert!(instance.url.starts_with("wss://"), "{}", instance.url);
    let mut store = RootCertStore::empty();
    store.add(CertificateDer::from_pem_file(&roots).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config =
        config.with_safe_default_protocol_versions().unwrap().with_root_certificates(store).with_no_client_auth();
    let connect = async {
        let stream = TcpStream::connect(instance.address()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream =
            TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a certificate of the authority");
        client_async("wss://localhost/twilio".into_client_request().unwrap(), stream).await.expect("let in").0
    };
    let (socket, mut call) = tokio::join!(connect, agent.accept_tls());
    let mut client = End { socket };
    client.send(json!({"event": "connected"})).await;
    assert_eq!(call.next().await["event"], "connected");
    // Without the authority the upstream is not trusted.
    let strict =
        Instance::start(&route(agent.address).replace("ws://127.0.0.1", "wss://localhost"), authority.folder(), &[]);
    let (refused, ()) = tokio::join!(connect_async(strict.url.as_str()), agent.fail_tls());
    assert!(refused.unwrap_err().to_string().contains("502"));
}

/// Three instances, one store: limits hold over all of them, and a dead one's places come back.
#[tokio::test]
async fn instances_share_limits_and_a_dead_one_gives_its_places_back() {
    let Some(redis) = Redis::start() else {
        assert!(std::env::var_os("CI").is_none(), "redis-server is not installed");
        eprintln!("skipped: redis-server is not installed");
        return;
    };
    redis.end_the_grace().await;
    let (folder, agent) = (tempfile::TempDir::new().unwrap(), Agent::start().await);
    let settings = format!("store = \"{}\"\nlimits.lease = \"2s\"\n{}calls = 4\n", redis.url(), route(agent.address));
    let mut instances: Vec<Instance> = (0..3).map(|_| Instance::start(&settings, folder.path(), &[])).collect();
    let mut calls = Vec::new();
    for n in 0..4 {
        calls.push(instances[n % 3].call(&agent).await.expect("let in"));
    }
    for instance in &instances {
        assert_eq!(instance.call(&agent).await.err(), Some(429), "four are there, whoever is asked");
    }
    // The first has two of them, and dies in mid-call.
    drop(instances.remove(0));
    let died = std::time::Instant::now();
    assert_eq!(instances[0].call(&agent).await.err(), Some(429), "its places are held until the lease ends");
    let mut again = Vec::new();
    while again.len() < 2 {
        assert!(died.elapsed() < PATIENCE, "the places come back");
        match instances[again.len()].call(&agent).await {
            Ok(client) => again.push(client),
            Err(status) => assert_eq!(status, 429),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for instance in &instances {
        assert_eq!(instance.call(&agent).await.err(), Some(429), "never more than four");
    }
}

#[tokio::test]
async fn the_demonstration_runs_without_settings() {
    let port = crate::server::free_port();
    let instance = Instance::run(&["--demo", "--listen", &format!("127.0.0.1:{port}")], &[]);
    assert!(instance.url.ends_with("/demo.html"), "{}", instance.url);
    let origin = format!("http://127.0.0.1:{port}");
    let mut request = format!("ws://127.0.0.1:{port}/demo").into_client_request().unwrap();
    request.headers_mut().insert("origin", origin.parse().unwrap());
    let (socket, _) = connect_async(request).await.expect("the page is let in");
    let mut client = End { socket };
    begin(&mut client, "demo").await;
    assert_eq!(client.next().await, json!({"event": "demo", "text": "it reads"}));
    assert_eq!(client.next().await["event"], "media");
}

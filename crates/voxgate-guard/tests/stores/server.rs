//! Real servers, each in a folder and on a socket or port of its own, ended with the test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use voxgate_guard::store::{LeaseTerm, SharedConfig};

/// The configuration of a store under test: a long timeout, because test machines are busy.
pub(crate) fn patient() -> SharedConfig {
    SharedConfig { longest_lease: term_ms(20_000), timeout: Duration::from_secs(10), ..SharedConfig::default() }
}

/// Short leases and a short timeout, for a test in which the store is late or loses its state.
pub(crate) fn hasty() -> SharedConfig {
    SharedConfig { longest_lease: term_ms(1_500), timeout: Duration::from_millis(500), ..patient() }
}

pub(crate) fn term_ms(ms: u64) -> LeaseTerm {
    LeaseTerm::new(Duration::from_millis(ms)).unwrap()
}

/// `None` where the program is missing, which is an error where `CI` is set.
pub(crate) fn program(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = folders.iter().cloned().chain(std::env::split_paths(&path));
    let found = folders.find_map(|folder| Some(folder.join(name)).filter(|program| program.is_file()));
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed; tests/run installs it");
        eprintln!("SKIPPED: {name} is not installed; tests/run installs it");
    }
    found
}

/// A Redis that reads what it had kept takes connections, and refuses.
fn wait_for_pong(port: u16) {
    let begin = Instant::now();
    let mut answer = [0; 5];
    while answer != *b"+PONG" {
        assert!(begin.elapsed() < Duration::from_secs(30), "no Redis on port {port}");
        std::thread::sleep(Duration::from_millis(10));
        if let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) {
            _ = socket.write_all(b"PING\r\n").and_then(|()| socket.read_exact(&mut answer));
        }
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) struct Redis {
    child: Child,
    program: PathBuf,
    dir: TempDir,
    port: u16,
    extra: Vec<String>,
}

impl Redis {
    /// One that keeps nothing on disk.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&["--save", ""])
    }

    pub(crate) fn start_with(extra: &[&str]) -> Option<Self> {
        let program = program("redis-server", &[])?;
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let extra: Vec<String> = extra.iter().map(|&argument| argument.to_owned()).collect();
        let child = Self::spawn(&program, &dir, port, &extra);
        Some(Self { child, program, dir, port, extra })
    }

    fn spawn(program: &Path, dir: &TempDir, port: u16, extra: &[String]) -> Child {
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(dir.path()).args(extra);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for_pong(port);
        child
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As if it had started long ago: else it grants nothing for the longest lease.
    #[cfg(feature = "redis")]
    pub(crate) async fn end_the_grace(&self) {
        let mut beside = redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let info: String = redis::cmd("INFO").query_async(&mut beside).await.unwrap();
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap().trim();
        let memory = ("{voxgate:default}:memory:", format!("{run}:1:1"));
        let () = redis::cmd("SET").arg(memory).query_async(&mut beside).await.unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Again on the same port, and from the same folder.
    pub(crate) fn restart(&mut self) {
        self.child = Self::spawn(&self.program, &self.dir, self.port, &self.extra);
    }

    pub(crate) fn signal(&self, signal: &str) {
        self::signal(self.child.id(), signal);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A Redis that watches others, as its configuration says.
pub(crate) struct Sentinel(Child);

impl Sentinel {
    pub(crate) fn start(configuration: &Path) -> Self {
        let mut command = Command::new(program("redis-server", &[]).unwrap());
        command.arg(configuration).arg("--sentinel").stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

pub(crate) struct Postgres {
    child: Child,
    programs: PathBuf,
    dir: TempDir,
    port: u16,
    extra: Vec<String>,
}

impl Postgres {
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(extra: &[&str]) -> Option<Self> {
        let extra: Vec<String> = extra.iter().map(|&argument| argument.to_owned()).collect();
        // Debian keeps these out of the PATH.
        let versions =
            std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().map(|entry| entry.unwrap().path());
        let folders: Vec<PathBuf> = versions.map(|version| version.join("bin")).collect();
        let initdb = program("initdb", &folders)?;
        let programs = initdb.canonicalize().unwrap().parent().unwrap().to_owned();
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        give_to_postgres(dir.path());
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--username=voxgate", "--encoding=UTF8", "--locale=C", "-D"]);
        let output = initdb.arg(dir.path().join("data")).output().unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let child = Self::spawn(&programs, &dir, port, &extra);
        Some(Self { child, programs, dir, port, extra })
    }

    fn spawn(programs: &Path, dir: &TempDir, port: u16, extra: &[String]) -> Child {
        let mut command = unprivileged(&programs.join("postgres"));
        command.arg("-D").arg(dir.path().join("data")).args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
        ]);
        command.args(extra);
        command.arg("-c").arg(format!("unix_socket_directories={}", dir.path().display()));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let ready = || {
            Command::new(programs.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status()
        };
        let begin = Instant::now();
        while !ready().unwrap().success() {
            assert!(begin.elapsed() < Duration::from_secs(60), "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        child
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://voxgate@127.0.0.1:{}/postgres", self.port)
    }

    /// The folder of its socket.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends at once, without writing anything down.
    pub(crate) fn kill(&mut self) {
        signal(self.child.id(), "QUIT");
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.child = Self::spawn(&self.programs, &self.dir, self.port, &self.extra);
    }

    /// To the server and all processes that it has started, one for each connection.
    pub(crate) fn signal(&self, name: &str) {
        let server = self.child.id();
        for entry in std::fs::read_dir("/proc").unwrap() {
            let Ok(process) = entry.unwrap().file_name().to_string_lossy().parse::<u32>() else { continue };
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // pid (name) state parent …
            let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
            if process == server || parent == Some(server) {
                signal(process, name);
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A stopped server would not hear it.
        self.signal("CONT");
        signal(self.child.id(), "QUIT");
        _ = self.child.wait();
    }
}

/// An imitation of DynamoDB, by Node, with the table `calls`.
#[cfg(feature = "dynamodb")]
pub(crate) struct Dynalite {
    child: Child,
    port: u16,
}

#[cfg(feature = "dynamodb")]
impl Dynalite {
    pub(crate) fn start() -> Option<Self> {
        let (dynalite, port) = (Self::program()?, free_port());
        let mut command = Command::new(dynalite);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--createTableMs", "0"]);
        let service = Self::spawn(command, port);
        service.make_table("calls", "pk", "sk");
        Some(service)
    }

    /// Over TLS, and without a table.
    pub(crate) fn start_sealed(certificate: &Path, key: &Path) -> Option<Self> {
        let (dynalite, port) = (Self::program()?.canonicalize().unwrap(), free_port());
        let mut command = Command::new("node");
        command.args(["-e", SEALED]).arg(dynalite.parent().unwrap()).arg(port.to_string()).arg(certificate).arg(key);
        Some(Self::spawn(command, port))
    }

    fn program() -> Option<PathBuf> {
        let roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let folders: Vec<PathBuf> = roots.map(|root| root.join("tests/dynamodb/node_modules/.bin")).collect();
        program("dynalite", &folders)
    }

    fn spawn(mut command: Command, port: u16) -> Self {
        let service = Self { child: command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(), port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "dynalite does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A table with these keys, which it makes in its own time.
    pub(crate) fn make_table(&self, name: &str, partition: &str, sort: &str) {
        let table = format!(
            r#"{{"TableName":"{name}","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{{"AttributeName":"{partition}",
            "AttributeType":"S"}},{{"AttributeName":"{sort}","AttributeType":"S"}}],"KeySchema":[{{"AttributeName":
            "{partition}","KeyType":"HASH"}},{{"AttributeName":"{sort}","KeyType":"RANGE"}}]}}"#
        );
        self.ask("CreateTable", &table);
        let begin = Instant::now();
        while !self.ask("DescribeTable", &format!(r#"{{"TableName":"{name}"}}"#)).contains("\"ACTIVE\"") {
            assert!(begin.elapsed() < Duration::from_secs(30), "dynalite makes no table");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// One call, past the store; its answer.
    pub(crate) fn ask(&self, action: &str, body: &str) -> String {
        let head = format!(
            "POST / HTTP/1.0\r\nx-amz-target: DynamoDB_20120810.{action}\r\ncontent-type: application/x-amz-json-1.0\r\n\
             x-amz-date: 20261127T081500Z\r\nauthorization: AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, \
             Signature=c\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (mut socket, mut answer) = (TcpStream::connect(("127.0.0.1", self.port)).unwrap(), String::new());
        socket.write_all(head.as_bytes()).unwrap();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK\r\n"), "{action}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// All workers of a test are on one machine, whose clock agrees with itself.
    pub(crate) fn address(&self) -> String {
        format!("dynamodb://calls?region=eu-west-1&clock_margin=0s&endpoint=http://127.0.0.1:{}", self.port)
    }
}

#[cfg(feature = "dynamodb")]
impl Drop for Dynalite {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

pub(crate) fn signal(process: u32, name: &str) {
    _ = Command::new("kill").args(["-s", name, &process.to_string()]).stderr(Stdio::null()).status();
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Files that it may read, as if it had made them.
pub(crate) fn give_to_postgres(path: &Path) {
    if is_root() {
        assert!(Command::new("chown").args(["-R", "postgres"]).arg(path).status().unwrap().success());
    }
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program).current_dir("/");
    command
}

/// After its start a Redis grants nothing for the longest lease; its start is known to a second.
pub(crate) const GRACE: Duration = Duration::from_millis(2_600);

/// Dynalite with a certificate that is not its own.
#[cfg(feature = "dynamodb")]
const SEALED: &str = "const [, dynalite, port, cert, key] = process.argv; const { readFileSync } = require('fs'); \
                      require(dynalite)({ ssl: true, cert: readFileSync(cert), key: readFileSync(key) }).listen(port)";

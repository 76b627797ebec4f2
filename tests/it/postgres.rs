//! A PostgreSQL server of a test's own, in a temporary folder, that can be done anything to: killed with all its processes,
//! started again, paused, filled to the last byte of its disk, followed by a replica that is promoted.
//!
//! `scripts/postgres.sh` finds the programs. What the tests do to it is not about power cuts, so it does not wait for its disk.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::needs::{lacks, postgres};
use crate::support::{PATIENCE, Process, free_port, wait_until};

/// Under this name the tests come in, without a password.
pub const USER: &str = "neuron";
/// PostgreSQL refuses to run as root.
const OTHER_THAN_ROOT: &str = "nobody";

/// The server; dropping it kills it and takes its files away.
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    pub port: u16,
    server: Option<Process>,
    has_own_disk: bool,
    /// Settings beside those that every server of a test has.
    settings: Vec<(String, String)>,
}

impl Postgres {
    /// A new server, ready. Ignores the test where there is no PostgreSQL.
    pub fn start() -> Self {
        Self::made(None, &[])
    }

    /// One with settings of its own.
    #[cfg(feature = "postgres")]
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::made(None, settings)
    }

    /// One that offers encryption with a certificate and its key.
    #[cfg(feature = "postgres")]
    pub fn with_certificate(certificate: &Path, key: &Path) -> Self {
        let server = Self::start();
        for (file, name) in [(certificate, "server.crt"), (key, "server.key")] {
            let copy = server.data().join(name);
            fs::copy(file, &copy).unwrap();
            server.own(&copy);
            must("chmod", [OsStr::new("0600"), copy.as_os_str()]);
        }
        server.sql("postgres", "ALTER SYSTEM SET ssl = on").unwrap();
        server.sql("postgres", "SELECT pg_reload_conf()").unwrap();
        wait_until("it offers encryption", || server.sql("postgres", "SHOW ssl").as_deref() == Ok("on"));
        server
    }

    /// One whose disk holds so many megabytes, some 60 of which are taken by what every server has. Ignores the test where a
    /// file system may not be mounted.
    pub fn with_disk(megabytes: u32) -> Self {
        Self::made(Some(megabytes), &[])
    }

    fn made(disk: Option<u32>, settings: &[(&str, &str)]) -> Self {
        let programs = postgres();
        let folder = tempfile::tempdir().unwrap();
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut server = Self { programs, folder, port: free_port(), server: None, has_own_disk: false, settings };
        server.own(server.folder.path());
        if let Some(megabytes) = disk {
            server.mount(megabytes);
        }
        let template = server.template();
        must("cp", [OsStr::new("-a"), template.join(".").as_os_str(), server.data().as_os_str()]);
        server.boot();
        server
    }

    /// A streaming replica of this server, which takes reads. With `is_awaited` a commit returns only when the replica has it, so
    /// that nothing is lost when that is promoted.
    pub fn replica(&self, is_awaited: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut replica = Self {
            programs: self.programs.clone(),
            folder,
            port: free_port(),
            server: None,
            has_own_disk: false,
            settings: Vec::new(),
        };
        self.own(replica.folder.path());
        let data = replica.data();
        let source = self.url("postgres");
        let mut copy = replica.command("pg_basebackup");
        copy.args(["-R", "-X", "stream", "-c", "fast", "-d", &source, "-D"]).arg(&data);
        succeeded(&mut copy);
        replica.boot();
        if is_awaited {
            self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'").unwrap();
            self.sql("postgres", "ALTER SYSTEM SET synchronous_commit = 'remote_apply'").unwrap();
            self.sql("postgres", "SELECT pg_reload_conf()").unwrap();
        }
        wait_until("the replica follows", || {
            self.sql("postgres", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").unwrap() == "1"
        });
        replica
    }

    /// Makes a server of its own of a replica.
    pub fn promote(&self) {
        assert_eq!(self.sql("postgres", "SELECT pg_promote()").unwrap(), "t");
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// A new, empty database; its name.
    pub fn database(&self) -> String {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("db{}", MADE.fetch_add(1, Ordering::SeqCst));
        self.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        name
    }

    /// What a statement gives: rows by line, columns apart by `|`.
    ///
    /// # Errors
    /// What the server or `psql` says.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String, String> {
        ask(&self.programs, &self.url(database), statement)
    }

    /// Kills it and all its processes at once, in the middle of whatever they do.
    pub fn kill9(&mut self) {
        self.signal_all("STOP");
        self.signal_all("KILL");
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }

    /// Starts it again after [`Postgres::kill9`], on the same port; it recovers what was committed.
    pub fn boot(&mut self) {
        let begin = Instant::now();
        loop {
            let process = self.spawn();
            let pid = process.id().to_string();
            self.server = Some(process);
            while self.server.as_mut().is_some_and(Process::is_running) {
                let told = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
                let mut lines = told.lines();
                if lines.next() == Some(&*pid) && lines.next_back().is_some_and(|state| state.trim() == "ready") {
                    return;
                }
                assert!(begin.elapsed() < PATIENCE, "{}", self.log());
                std::thread::sleep(Duration::from_millis(20));
            }
            // Processes of the one before may hold its shared memory for a moment.
            assert!(begin.elapsed() < PATIENCE, "{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Stops all its processes where they are: it accepts connections, and answers nothing.
    pub fn pause(&self) {
        self.signal_all("STOP");
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.signal_all("CONT");
    }

    /// Takes what is left of its disk, up to `left` bytes.
    pub fn fill_disk(&self, left: u64) {
        assert!(self.has_own_disk, "only its own disk is filled");
        let free = {
            let output = Command::new("df").args(["-B1", "--output=avail"]).arg(self.data()).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines().nth(1).unwrap().trim().parse::<u64>().unwrap()
        };
        let filler = fs::File::create(self.data().join("filler")).unwrap();
        let bytes = vec![b'x'; usize::try_from(free.saturating_sub(left)).unwrap()];
        std::io::Write::write_all(&mut &filler, &bytes).unwrap();
    }

    /// Gives it its disk back.
    pub fn empty_disk(&self) {
        fs::remove_file(self.data().join("filler")).unwrap();
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What [`Postgres::sql`] gives through a line to this server at another port.
    pub fn behind(&self, port: u16) -> impl Fn(&str) -> Result<String, String> + use<> {
        let (programs, url) = (self.programs.clone(), format!("postgres://{USER}@127.0.0.1:{port}/postgres"));
        move |statement| ask(&programs, &url, statement)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn spawn(&self) -> Process {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        let port = self.port.to_string();
        let sockets = self.folder.path().display().to_string();
        let own = [
            ("port", &*port),
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", &sockets),
            ("fsync", "off"),
            ("max_connections", "100"),
            ("shared_buffers", "16MB"),
            ("min_wal_size", "32MB"),
            ("max_wal_size", "48MB"),
            ("timezone", "UTC"),
        ];
        let more = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(more) {
            command.args(["-c", &format!("{name}={value}")]);
        }
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Process(server)
    }

    /// One of PostgreSQL's programs, as an ordinary user, that does not outlive the thread of its test.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if is_root() {
            command.args([&*format!("--reuid={OTHER_THAN_ROOT}"), "--regid=65534", "--clear-groups"]);
        }
        command.arg(self.programs.join(program)).current_dir("/");
        command
    }

    /// Sends a signal to the server and to those that work for it.
    pub fn signal_all(&self, name: &str) {
        let Some(server) = &self.server else { return };
        let pid = server.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        // The server first, so that it makes no new ones.
        let mut command = Command::new("kill");
        command.arg(format!("-{name}")).arg(pid.to_string()).args(children.split_whitespace());
        // One that has ended meanwhile is no failure.
        let _ = command.stderr(Stdio::null()).status();
    }

    fn own(&self, path: &Path) {
        if is_root() {
            must("chown", [OsStr::new(OTHER_THAN_ROOT), path.as_os_str()]);
        }
    }

    fn mount(&mut self, megabytes: u32) {
        fs::create_dir(self.data()).unwrap();
        let options = format!("size={megabytes}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(self.data()).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            lacks("small-disk", "this user may not mount a file system of a few megabytes");
        }
        self.has_own_disk = true;
        self.own(&self.data());
    }

    /// An empty cluster, which is made once and copied for each server: a fifth of a second instead of one or two.
    fn template(&self) -> PathBuf {
        static MAKING: Mutex<()> = Mutex::new(());
        let _one = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let version = Command::new(self.programs.join("postgres")).arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        let name = format!("postgres-{}", version.split_whitespace().nth(2).unwrap());
        let template = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if !template.exists() {
            let made = tempfile::tempdir().unwrap();
            self.own(made.path());
            let data = made.path().join("data");
            let mut initdb = self.command("initdb");
            succeeded(initdb.args(["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "-N", "-D"]).arg(&data));
            let copy = template.with_extension(std::process::id().to_string());
            must("cp", [OsStr::new("-a"), data.as_os_str(), copy.as_os_str()]);
            // Another test run may have been faster.
            if fs::rename(&copy, &template).is_err() {
                fs::remove_dir_all(&copy).unwrap();
            }
        }
        template
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill9();
        if self.has_own_disk {
            let _ = Command::new("umount").arg("-l").arg(self.data()).status();
        }
    }
}

fn ask(programs: &Path, url: &str, statement: &str) -> Result<String, String> {
    let mut psql = Command::new(programs.join("psql"));
    psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]);
    let output = psql.env("PGCONNECT_TIMEOUT", "5").stdin(Stdio::null()).output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|of| of.uid() == 0)
}

fn must<const N: usize>(program: &str, arguments: [&OsStr; N]) {
    succeeded(Command::new(program).args(arguments));
}

fn succeeded(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

//! A lake in a bucket, against moto's server: as in a folder, also when the store fails in the middle of an upload.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use neuron::lake::table::{Cell, Column, Type};
use neuron::lake::{Access, Grain, Kept, LakeError, Published, Read, Rows, Source, Stretch, Target, publish};
use neuron::units::UnixMs;

use crate::lake::{listed, rows};
use crate::needs::python;
use crate::s3_fault_proxy::{Fault, Proxy};
use crate::score::{ledger, score};
use crate::support::{free_port, neuron};

tests! {
    asynchronous: a_bucket_holds_what_a_folder_holds, a_store_that_fails_is_asked_again_and_the_next_run_does_the_rest,
    an_answer_that_is_lost_doubles_nothing, a_large_file_that_is_cut_leaves_nothing_behind
}

const BUCKET: &str = "history";
const SECRET: &str = "wJalrXUtnFEMI-not-to-be-shown";

/// The server; dropping it ends it.
struct Moto {
    python: PathBuf,
    port: u16,
    child: Child,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    async fn start() -> Self {
        let (python, port) = (python("NEURON_PYTHON_S3"), free_port());
        let script = "from moto.server import main; main()";
        let child = Command::new(&python)
            .args(["-c", script, "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Self { python, port, child };
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                moto.ask(&["make", BUCKET]);
                return moto;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("moto's server did not start");
    }

    /// What a client of another make finds.
    fn ask(&self, arguments: &[&str]) -> Vec<String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/lake_bucket.py");
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let output = Command::new(&self.python).arg(script).arg(endpoint).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// The lake in the bucket, as files.
    fn fetched(&self, to: &Path) -> BTreeMap<String, BTreeMap<String, usize>> {
        let _ = std::fs::remove_dir_all(to);
        self.ask(&["fetch", BUCKET, to.to_str().unwrap()]);
        rows(&to.join("netuid155"))
    }
}

/// Publishes the only ledger below `folder` into the bucket behind `endpoint`.
fn run(folder: &Path, endpoint: &str) -> Output {
    let output = neuron()
        .args(["score", "export", "--lake", "s3://history/netuid155", "--lake.endpoint", endpoint])
        .env("NEURON_DB_DIRECTORY", folder)
        .env("AWS_ACCESS_KEY_ID", "writer")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .output()
        .unwrap();
    for text in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(text).contains(SECRET), "a key was shown");
    }
    output
}

/// The same ledger's lake in a folder.
async fn expected(folder: &Path) -> BTreeMap<String, BTreeMap<String, usize>> {
    ledger(folder).await;
    let lake = folder.join("lake");
    assert_eq!(score(folder, &["export", "--lake", lake.to_str().unwrap()]).0, Some(0));
    rows(&lake)
}

async fn a_bucket_holds_what_a_folder_holds() {
    let (folder, moto) = (tempfile::tempdir().unwrap(), Moto::start().await);
    let expected = expected(folder.path()).await;
    let endpoint = format!("http://127.0.0.1:{}", moto.port);
    for what in ["published", "there"] {
        let output = run(folder.path(), &endpoint);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.contains(": 0 new files"), what == "there", "{text}");
        let fetched = folder.path().join("fetched");
        assert_eq!(moto.fetched(&fetched), expected, "{what}");
        let all: u64 = expected.values().flat_map(BTreeMap::values).map(|times| *times as u64).sum();
        assert_eq!(listed(&fetched.join("netuid155")).values().sum::<u64>(), all);
    }
}

async fn a_store_that_fails_is_asked_again_and_the_next_run_does_the_rest() {
    let (folder, moto) = (tempfile::tempdir().unwrap(), Moto::start().await);
    let expected = expected(folder.path()).await;
    let proxy = Proxy::to(moto.port).await;
    let fetched = folder.path().join("fetched");
    let endpoint = proxy.url.clone();
    let published = |fault: Fault, of: &str, pass: usize, times: usize| {
        proxy.fail(fault, of, pass, times);
        let (folder, endpoint) = (folder.path().to_owned(), endpoint.clone());
        tokio::task::spawn_blocking(move || run(&folder, &endpoint))
    };
    // For good, after some files.
    for (fault, pass) in [(Fault::Cut(700), 3), (Fault::Status(500), 2)] {
        let output = published(fault, "PUT /history/netuid155/v1/", pass, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("s3://history/netuid155/v1/") && text.contains("next run"), "{text}");
        assert!(proxy.suffered() > 1, "it was not asked again");
        let found = moto.fetched(&fetched);
        assert!(found.values().flat_map(BTreeMap::values).all(|times| *times == 1), "{fault:?}: doubled");
        assert_ne!(found, expected);
    }
    // For a while: the run goes on by itself.
    let output = published(Fault::Status(503), "answers.parquet", 1, 2).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(proxy.suffered(), 2);
    proxy.heal();
    assert_eq!(moto.fetched(&fetched), expected);
    let all: u64 = expected.values().flat_map(BTreeMap::values).map(|times| *times as u64).sum();
    assert_eq!(listed(&fetched.join("netuid155")).values().sum::<u64>(), all);
}

async fn an_answer_that_is_lost_doubles_nothing() {
    let (folder, moto) = (tempfile::tempdir().unwrap(), Moto::start().await);
    let expected = expected(folder.path()).await;
    let proxy = Proxy::to(moto.port).await;
    for of in ["_manifest", "_lake.json", "scores.parquet"] {
        proxy.fail(Fault::LostAnswer, of, 1, 2);
        let (here, endpoint) = (folder.path().to_owned(), proxy.url.clone());
        let output = tokio::task::spawn_blocking(move || run(&here, &endpoint)).await.unwrap();
        assert!(output.status.success(), "{of}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let fetched = folder.path().join("fetched");
    assert_eq!(moto.fetched(&fetched), expected);
    let all: u64 = expected.values().flat_map(BTreeMap::values).map(|times| *times as u64).sum();
    assert_eq!(listed(&fetched.join("netuid155")).values().sum::<u64>(), all);
}

const NOISE: Kept = Kept {
    name: "noise",
    grain: Grain::Day,
    version: 1,
    columns: &[Column::of("one", Type::Double), Column::of("other", Type::Double)],
};
static NOISES: [Kept; 1] = [NOISE];
/// A file of some 20 MB: two parts.
const NOISES_A_DAY: u64 = 1_250_000;

/// A day of numbers that no compression makes small.
struct Noise;

impl Source for Noise {
    fn tables(&self) -> &'static [Kept] {
        &NOISES
    }

    fn begins(&self, _: &Kept) -> Result<Option<UnixMs>, LakeError> {
        Ok(Some(UnixMs(0)))
    }

    fn read(&self, _: &Kept, _: Stretch, row: &mut Rows<'_>) -> Result<Read, LakeError> {
        let mut state = 1_u64;
        let mut next = || {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            Cell::Double(state as f64)
        };
        for _ in 0..NOISES_A_DAY {
            row(&[next(), next()])?;
        }
        Ok(Read::Whole)
    }
}

async fn a_large_file_that_is_cut_leaves_nothing_behind() {
    let (folder, moto) = (tempfile::tempdir().unwrap(), Moto::start().await);
    let proxy = Proxy::to(moto.port).await;
    let credentials = folder.path().join("credentials");
    std::fs::write(&credentials, format!("[default]\naws_access_key_id = a\naws_secret_access_key = {SECRET}\n"))
        .unwrap();
    let access = Access { endpoint: Some(proxy.url.clone()), credentials: Some(credentials), ..Access::default() };
    let run = |access: Access| {
        tokio::task::spawn_blocking(move || -> Result<Published, LakeError> {
            let target: Target = "s3://history/noise".parse()?;
            let store = target.open(&access)?;
            publish(&Noise, "noise", &*store, UnixMs(86_400_000), &|| true)
        })
    };
    proxy.fail(Fault::Cut(1 << 20), "partNumber=2", 0, usize::MAX);
    let error = run(access.clone()).await.unwrap().unwrap_err().to_string();
    assert!(error.contains("s3://history/noise") && error.contains("noise.parquet"), "{error}");
    assert!(!error.contains(SECRET), "a key was shown");
    let fetched = folder.path().join("fetched");
    let objects = moto.ask(&["fetch", BUCKET, fetched.to_str().unwrap()]);
    assert_eq!(objects, ["noise/v1/_lake.json"], "half a file can be seen");
    assert_eq!(moto.ask(&["uploads", BUCKET]), Vec::<String>::new(), "parts are left in the bucket");

    proxy.fail(Fault::Cut(1 << 20), "partNumber=2", 0, 1);
    let done = run(access).await.unwrap().unwrap();
    assert_eq!((done.files, done.rows, proxy.suffered()), (1, NOISES_A_DAY, 1));
    moto.ask(&["fetch", BUCKET, fetched.to_str().unwrap()]);
    let length = std::fs::metadata(fetched.join("noise/v1/noise/day=1970-01-01/noise.parquet")).unwrap().len();
    assert_eq!(length, done.bytes);
    assert!(length > 16 << 20, "{length}: this was one part");
}

//! What a test needs and this machine may lack, looked for when the test runs: the test goes on with what was found, or
//! it is ignored, with the reason.
//!
//! `NEURON_REQUIRE` lists what must be there (`shared`, `python`, `node`, `proxies`, `ipv6`, `browser`, `pm2`, `book`, `spark`, `postgres`, `openssl`, `faketime`, `buildah`; `.ci/run` sets it): a test that lacks one of
//! these fails.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use libtest_mimic::{Completion, Failed, Trial};

/// The folder beside the project with vectors, recordings and peers; `NEURON_SHARED` names another.
fn folder() -> PathBuf {
    std::env::var_os("NEURON_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from)
}

/// A file or folder of `../shared`.
pub fn shared(part: &str) -> PathBuf {
    let path = folder().join(part);
    if !path.exists() {
        lacks("shared", &format!("{} is not here", path.display()));
    }
    path
}

/// What `variable` names; `script` finds it, and it is of this `kind`.
fn named(variable: &str, kind: &str, script: &str) -> PathBuf {
    match std::env::var_os(variable).filter(|path| !path.is_empty()) {
        Some(path) => path.into(),
        None => lacks(kind, &format!("{variable} names nothing ({script})")),
    }
}

/// The interpreter that `variable` names, which has the packages that `scripts/python-peers.sh` installs for it.
pub fn python(variable: &str) -> PathBuf {
    named(variable, "python", "scripts/python-peers.sh")
}

/// The folder that `variable` names, with the packages that npm installs for `scripts/python-peers.sh`.
pub fn node(variable: &str) -> PathBuf {
    named(variable, "node", "scripts/python-peers.sh")
}

/// The interpreter with Spark, which `scripts/spark.sh` makes where there is a Java.
pub fn spark() -> PathBuf {
    named("NEURON_PYTHON_SPARK", "spark", "scripts/spark.sh, which needs a Java")
}

/// The program that `variable` names, which `scripts/proxies.sh` finds.
pub fn proxy(variable: &str) -> PathBuf {
    named(variable, "proxies", "scripts/proxies.sh")
}

/// The program or file that `variable` names, which `scripts/browser.sh` finds.
pub fn browser(variable: &str) -> PathBuf {
    named(variable, "browser", "scripts/browser.sh")
}

/// pm2.
#[cfg(feature = "localnet")]
pub fn pm2() -> PathBuf {
    named("NEURON_PM2", "pm2", "scripts/pm2.sh")
}

/// mdbook.
pub fn mdbook() -> PathBuf {
    named("NEURON_MDBOOK", "book", "scripts/book.sh")
}

/// The folder of PostgreSQL's programs, which `scripts/postgres.sh` finds.
pub fn postgres() -> PathBuf {
    named("NEURON_POSTGRES", "postgres", "scripts/postgres.sh")
}

/// The library that gives a process a clock of its own, which `scripts/faketime.sh` finds.
#[cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]
pub fn faketime() -> PathBuf {
    named("NEURON_FAKETIME", "faketime", "scripts/faketime.sh")
}

/// The builder of images, where this user may run what it has built.
pub fn buildah() -> std::process::Command {
    // Without namespaces of users, what it runs is in a changed root, which only root may have.
    if !rustix::process::geteuid().is_root() {
        lacks("buildah", "this user is not root");
    }
    program("buildah")
}

/// OpenSSL's program, which makes certificates.
#[cfg(all(feature = "postgres", target_os = "linux"))]
pub fn openssl() -> std::process::Command {
    program("openssl")
}

/// A program of the PATH that knows the word `version`.
fn program(name: &str) -> std::process::Command {
    let known = std::process::Command::new(name).arg("version").stdout(std::process::Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        lacks(name, &format!("there is no {name} in the PATH"));
    }
    std::process::Command::new(name)
}

/// Ends the test as ignored for want of a `kind` of thing; as failed where that kind must be there.
pub fn lacks(kind: &str, reason: &str) -> ! {
    let required = std::env::var("NEURON_REQUIRE").unwrap_or_default();
    assert!(!required.split_whitespace().any(|other| other == kind), "{reason}, and NEURON_REQUIRE asks for {kind}");
    resume_unwind(Box::new(Lacking(reason.to_owned())))
}

/// Carries the reason from [`lacks`] to the runner; unwinding with it prints nothing.
struct Lacking(String);

/// Reasons, with the number of tests that were ignored for each.
static IGNORED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn completion(end: Result<(), Box<dyn Any + Send>>) -> Result<Completion, Failed> {
    let Err(cause) = end else { return Ok(Completion::Completed) };
    match cause.downcast::<Lacking>() {
        Ok(lacking) => {
            *IGNORED.lock().unwrap().entry(lacking.0.clone()).or_default() += 1;
            Ok(Completion::ignored_with(lacking.0))
        }
        Err(panic) => resume_unwind(panic),
    }
}

/// The name without the crate's, as the built-in runner has it.
fn name(path: &str) -> &str {
    path.split_once("::").map_or(path, |(_, name)| name)
}

/// A test that is a function.
pub fn blocking(path: &str, test: fn()) -> Trial {
    Trial::ignorable_test(name(path), move || completion(catch_unwind(test)))
}

/// A test that is an asynchronous function; it gets a runtime of its own.
pub fn asynchronous<F: Future<Output = ()> + 'static>(path: &str, test: fn() -> F) -> Trial {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(test());
    };
    Trial::ignorable_test(name(path), move || completion(catch_unwind(AssertUnwindSafe(run))))
}

/// Says after the result, in quiet runs too, what was ignored and why.
pub fn report() {
    for (reason, tests) in IGNORED.lock().unwrap().iter() {
        eprintln!("IGNORED {tests}: {reason}");
    }
}

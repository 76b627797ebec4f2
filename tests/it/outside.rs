//! The tests that need something from outside the project: the vectors and recordings of `../shared`, the Python packages, proxies,
//! a network of IPv6. They have a runner of their own, since the built-in one cannot learn while it runs that a test is to be
//! ignored: here each test looks for what it needs when it starts ([`needs`]), and one that does not find it is counted
//! as ignored, with the reason.
//!
//! `#[test]` means nothing to this runner: a file names its tests in [`tests!`], and one that is forgotten there is dead
//! code to the compiler. Files that both binaries have, such as [`axon_kit`], hold tools; their `#[test]`s run in `it`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    unreachable_pub,
    reason = "tests may panic, look at the clock, and talk to a person"
)]

use std::process::ExitCode;

/// Names the tests of a file to the runner: `tests! { blocking: a, b; asynchronous: c }`.
macro_rules! tests {
    ($($kind:ident: $($name:ident),+);+ $(;)?) => {
        pub fn trials() -> Vec<libtest_mimic::Trial> {
            vec![$($($crate::needs::$kind(concat!(module_path!(), "::", stringify!($name)), $name)),+),+]
        }
    };
}

mod alerts;
mod axon_vectors;
mod browser;
mod community_python;
mod data_python;
#[cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]
mod demo_postgres;
#[cfg(feature = "localnet")]
mod demo_recorded;
mod dendrite_vectors;
mod ipv6;
mod lake_kinds;
#[cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]
mod lake_postgres;
mod lake_python;
#[cfg(feature = "s3")]
mod lake_s3;
#[cfg(all(feature = "postgres", target_os = "linux"))]
mod lease;
mod llm_vectors;
#[cfg(feature = "localnet")]
mod localnet_python;
#[cfg(all(feature = "localnet", target_os = "linux"))]
mod localnet_python_weights;
#[cfg(feature = "localnet")]
mod localnet_tools;
mod market_azuro_recorded;
mod market_recorded;
mod needs;
mod packaging;
#[cfg(feature = "localnet")]
mod pm2;
#[cfg(target_os = "linux")]
mod postgres;
#[cfg(target_os = "linux")]
mod postgres_fixture;
#[cfg(feature = "postgres")]
mod postgres_ledger;
#[cfg(all(feature = "postgres", target_os = "linux"))]
mod postgres_ways;
mod proxies;
mod python_axon;
mod python_prompting;
mod python_wallet;
mod python_wire;
#[cfg(feature = "localnet")]
mod recorded_scores;
#[cfg(feature = "localnet")]
mod runtimes_real;
#[cfg(feature = "s3")]
mod s3_fault_proxy;
#[cfg(feature = "localnet")]
mod same_walk;
mod schemas_python;
mod scoring_vectors;
#[cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]
mod standby;
mod storefront_python;
mod timelock;
mod timeseries_python;
#[cfg(feature = "localnet")]
mod timeseries_recorded;
mod timeseries_vectors;
mod wallet_terminal;
mod wallet_upgrade;
mod wallet_vectors;
mod wire_vectors;
mod yuma;

/// Tools of the tests in `it`.
macro_rules! tools {
    ($($name:ident),+) => {
        $(#[allow(dead_code, unused_imports, reason = "`it` uses the rest")] mod $name;)+
    };
}

#[cfg(feature = "localnet")]
tools!(demo, foreign_text, localnet, processes, runtimes);
tools!(
    axon_kit,
    cutter,
    dashboard,
    gateway,
    json_schema,
    lake,
    market_azuro,
    market_polymarket,
    market_tape,
    score,
    storefront,
    places,
    support,
    timeseries_round,
    wallet_cli,
    wallet_walk,
    walks,
    wire_fakes
);

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let trials = [
        alerts::trials(),
        axon_vectors::trials(),
        browser::trials(),
        community_python::trials(),
        data_python::trials(),
        dendrite_vectors::trials(),
        ipv6::trials(),
        #[cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]
        lake_postgres::trials(),
        lake_python::trials(),
        #[cfg(feature = "s3")]
        lake_s3::trials(),
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        lease::trials(),
        llm_vectors::trials(),
        market_azuro_recorded::trials(),
        market_recorded::trials(),
        packaging::trials(),
        #[cfg(feature = "postgres")]
        postgres_ledger::trials(),
        #[cfg(target_os = "linux")]
        postgres_fixture::trials(),
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        postgres_ways::trials(),
        proxies::trials(),
        python_axon::trials(),
        python_prompting::trials(),
        python_wallet::trials(),
        python_wire::trials(),
        scoring_vectors::trials(),
        #[cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]
        standby::trials(),
        schemas_python::trials(),
        storefront_python::trials(),
        timelock::trials(),
        timeseries_python::trials(),
        timeseries_vectors::trials(),
        #[cfg(feature = "localnet")]
        timeseries_recorded::trials(),
        wallet_terminal::trials(),
        wallet_upgrade::trials(),
        wallet_vectors::trials(),
        wire_vectors::trials(),
        #[cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]
        demo_postgres::trials(),
        #[cfg(feature = "localnet")]
        demo_recorded::trials(),
        #[cfg(feature = "localnet")]
        localnet_python::trials(),
        #[cfg(all(feature = "localnet", target_os = "linux"))]
        localnet_python_weights::trials(),
        #[cfg(feature = "localnet")]
        localnet_tools::trials(),
        #[cfg(feature = "localnet")]
        pm2::trials(),
        #[cfg(feature = "localnet")]
        runtimes_real::trials(),
        #[cfg(feature = "localnet")]
        same_walk::trials(),
        yuma::trials(),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    needs::report();
    conclusion.exit_code()
}

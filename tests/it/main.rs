//! One integration binary: linking hundreds of crates once is enough. `outside.rs` is the root of a second one, for tests
//! that need something from outside the project.
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

mod architecture;
mod axon_holes;
mod axon_hostile;
mod axon_kit;
mod axon_probe;
mod cli;
mod cli_accounts;
mod cli_chain;
mod cli_interrupted;
mod cli_owner;
mod clock_jumps;
mod dashboard;
#[cfg(feature = "localnet")]
mod demo;
mod events_round;
mod fault_proxy;
mod fault_times;
mod forecast_command;
mod forecast_http;
mod forecast_llm;
mod forecast_llm_cli;
mod forecast_llm_kill9;
mod forecast_market;
mod foreign_text;
mod gateway;
mod generated;
mod json_schema;
mod lake;
mod layers;
mod ledger;
mod ledger_kill9;
#[cfg(feature = "localnet")]
mod localnet;
mod market_azuro;
mod market_azuro_stream;
mod market_ifgames;
mod market_others;
mod market_polymarket;
#[cfg(feature = "localnet")]
mod market_replay;
mod market_sim_command;
mod market_simulator;
mod market_stream;
mod market_tape;
#[cfg(target_os = "linux")]
mod market_tls;
mod metrics;
mod miner_record;
mod model_cli;
mod operator_walk;
mod page;
mod places;
mod planted_skill;
#[cfg(feature = "localnet")]
mod processes;
mod prompting;
#[cfg(feature = "localnet")]
mod prompting_walk;
#[cfg(feature = "localnet")]
mod recorded_scores;
mod relay;
#[cfg(feature = "localnet")]
mod role_offline;
#[cfg(feature = "localnet")]
mod runtimes;
mod schemas;
mod score;
mod score_files;
mod scoring_bad_input;
mod scoring_fuzz;
mod scoring_keys;
mod scoring_properties;
mod seam;
mod self_update;
mod storefront;
mod subtensor;
#[cfg(feature = "localnet")]
mod subtensor_failover;
#[cfg(feature = "localnet")]
mod subtensor_faults;
mod subtensor_neuron;
mod support;
#[cfg(feature = "localnet")]
mod timeseries_demo;
#[cfg(feature = "localnet")]
mod timeseries_processes;
mod timeseries_round;
mod validator_kill9;
#[allow(dead_code, reason = "`outside` uses the rest")]
mod walks;
mod wallet_cli;
mod wallet_exports;
mod wallet_kill9;
mod wallet_walk;
mod weights;
mod weights_cli;
mod weights_kill9;
mod wire_both_ends;
mod wire_dendrite;
mod wire_every_byte;
mod wire_fakes;
mod wire_fuzz;

//! `neuron sign` and `neuron submit`: what `--sign-offline` wrote is signed on the machine that has the key, and sent from one that
//! has the chain.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::chain::{address, coldkey, confirm, connect, hotkey, refused, with_chain};
use super::output::Output;
use super::write::left_behind;
use super::{Exit, Failure, Prints, Verb, args, block_on, interrupted};
use crate::config::Settings;
use crate::config::table::Group;
use crate::subtensor::weights::Hash32;
use crate::subtensor::{Inclusion, OfflineError, SignedOffline, Unsigned};
use crate::units::{Account, BlockNumber, Foreign};
use crate::wallet::{KeyKind, Keypair};

pub(super) const SIGN: Verb =
    Verb { name: "sign", command: sign_command, run: sign, prints: Prints::one::<Shown<'static>>() };
pub(super) const SUBMIT: Verb =
    Verb { name: "submit", command: submit_command, run: submit, prints: Prints::one::<Sent<'static>>() };

fn file(help: &'static str) -> Arg {
    Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help(help)
}

fn sign_command() -> Command {
    let out = Arg::new("out")
        .long("out")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("The file for the signed call [default: NAME.signed.json, beside the file]");
    let metadata = Arg::new("metadata-hash")
        .long("metadata-hash")
        .value_name("HASH")
        .help("Refuse a file whose metadata has another hash; the online machine shows it");
    let command = Command::new("sign")
        .about("Signs a file of --sign-offline, on a machine without network")
        .long_about(
            "Signs a file of --sign-offline, on a machine without network. The call is read from its bytes and shown; \
             a file whose text says something else is refused. The bytes are read by the metadata in the file: compare \
             its hash with the one that the online machine showed, or give that with --metadata-hash.",
        )
        .arg(file("The file of --sign-offline"))
        .args([out, metadata]);
    args::with_settings(command, &[Group::Wallet])
}

fn submit_command() -> Command {
    let command = Command::new("submit")
        .about("Sends a file that `neuron sign` signed, and waits until it is final")
        .arg(file("The signed call"));
    args::with_settings(command, &[Group::Chain])
}

/// What is to be signed, as a person should read it.
#[derive(Debug, JsonSchema, Serialize)]
struct Shown<'a> {
    call: &'a str,
    arguments: &'a Json,
    signer: Account,
    nonce: u64,
    first_block: BlockNumber,
    last_block: BlockNumber,
    genesis: Hash32,
    spec_version: u32,
    metadata_hash: Hash32,
    /// The signed file.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extrinsic: Option<Hash32>,
}

impl<'a> Shown<'a> {
    fn of(unsigned: &'a Unsigned) -> Self {
        Self {
            call: &unsigned.call,
            arguments: &unsigned.arguments,
            signer: unsigned.signer,
            nonce: unsigned.nonce,
            first_block: unsigned.birth,
            last_block: unsigned.last_block(),
            genesis: unsigned.genesis,
            spec_version: unsigned.spec_version,
            metadata_hash: unsigned.metadata_hash,
            signed: None,
            extrinsic: None,
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("call       {}", Foreign::from(self.call))];
        for (name, value) in self.arguments.as_object().into_iter().flatten() {
            lines.push(format!("  {name} = {}", Foreign::from(value.to_string())));
        }
        lines.push(format!("signer     {}", self.signer));
        lines.push(format!("nonce      {}, blocks {} to {}", self.nonce, self.first_block, self.last_block));
        lines.push(format!("chain      {}, spec version {}", self.genesis, self.spec_version));
        lines.push(format!("metadata   {}", self.metadata_hash));
        lines.join("\n")
    }

    /// What is left to say to who has read [`Self::text`].
    fn done(&self) -> String {
        let (Some(path), Some(extrinsic)) = (&self.signed, self.extrinsic) else { return String::new() };
        let path = path.display();
        format!("{path} is signed: transaction {extrinsic}\nNow, on the online machine: neuron submit {path}\n")
    }
}

fn failed(error: OfflineError) -> Failure {
    match error {
        OfflineError::Chain(error) => refused(error),
        OfflineError::File { .. } => Failure::new(Exit::Failed, error),
        _ => Failure::new(Exit::Refused, error),
    }
}

fn sign(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (_, settings) = args::resolve(matches)?;
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let out = matches.get_one::<PathBuf>("out").cloned().unwrap_or_else(|| path.with_extension("signed.json"));
    let unsigned = Unsigned::load(&path).map_err(failed)?;
    let checked = unsigned.check().map_err(failed)?;
    if let Some(expected) = matches.get_one::<String>("metadata-hash")
        && *expected != unsigned.metadata_hash.to_string()
    {
        let error = anyhow::anyhow!(
            "the metadata of the file has the hash {}, not {expected}: do not sign it",
            unsigned.metadata_hash
        );
        return Err(Failure::new(Exit::Refused, error));
    }
    let mut shown = Shown::of(&unsigned);
    output.say(&shown.text());
    // Unlocking may ask, and expects a runtime to wait on.
    block_on(async {
        confirm(output, "Sign it?")?;
        let signed = checked.sign(&key_of(&settings, unsigned.signer)?).map_err(failed)?;
        signed.save(&out).map_err(failed)?;
        (shown.signed, shown.extrinsic) = (Some(out), Some(signed.signed.hash));
        Ok(output.result(&shown, Shown::done)?)
    })
}

/// The wallet's key of that account: coldkey or hotkey.
fn key_of(settings: &Settings, signer: Account) -> Result<Keypair, Failure> {
    let is = |kind| address(settings, kind, None).is_ok_and(|account| account == signer);
    match (is(KeyKind::Hotkey), is(KeyKind::Coldkey)) {
        (true, false) => hotkey(settings),
        // Of another wallet it is refused when the key is compared.
        _ => coldkey(settings),
    }
}

/// What became of it.
#[derive(JsonSchema, Serialize)]
struct Sent<'a> {
    call: &'a str,
    arguments: &'a Json,
    signer: Account,
    inclusion: Inclusion,
}

fn submit(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
        let file = load(&path)?;
        let chain = connect(&settings).await?;
        let inclusion = tokio::select! {
            done = chain.send_signed(&file) => done.map_err(failed)?,
            () = interrupted() => {
                let left = left_behind(&Foreign::from(file.call.as_str()), Some(&file.signed));
                return Err(Failure::new(Exit::Interrupted, anyhow::anyhow!(left)));
            }
        };
        let sent = Sent { call: &file.call, arguments: &file.arguments, signer: file.signed.account, inclusion };
        Ok(output.result(&sent, |Sent { call, signer, inclusion, .. }| {
            let Inclusion { block, extrinsic, finalised, .. } = inclusion;
            let state = if *finalised { "final" } else { "not final yet" };
            format!("{} by {signer}\nblock {block} ({state}), transaction {extrinsic}\n", Foreign::from(*call))
        })?)
    })
}

/// A file that is not signed yet is told apart from one that is nothing.
fn load(path: &Path) -> Result<SignedOffline, Failure> {
    SignedOffline::load(path).map_err(|error| match Unsigned::load(path) {
        Ok(_) => {
            let shown = path.display();
            Failure::new(Exit::Usage, anyhow::anyhow!("{shown} is not signed yet: run `neuron sign {shown}` first"))
        }
        Err(_) => failed(error),
    })
}

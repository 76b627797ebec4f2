//! How every command writes to the chain: it says what will happen and what that costs, asks, signs, sends, and says what
//! became of it.

use std::cell::OnceCell;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::chain::{account, address, coldkey, confirm, connect, hotkey, refused};
use super::output::Output;
use super::prints::Prints;
use super::{Exit, Failure, interrupted};
use crate::config::Settings;
use crate::subtensor::weights::{Hash32, SignedCall};
use crate::subtensor::{Inclusion, Operation, PriceLimit, Quote, Subtensor, SubtensorError};
use crate::units::{Account, Rao};
use crate::wallet::{KeyKind, Keypair};

/// Adds what every command that writes takes.
pub(super) fn with_write(command: Command) -> Command {
    let dry = Arg::new("dry-run")
        .long("dry-run")
        .action(ArgAction::SetTrue)
        .help("Print what would happen and what it costs, and send nothing");
    let proxy = Arg::new("proxy")
        .long("proxy")
        .alias("proxy-for")
        .value_name("ADDRESS")
        .help("Act for this account; the wallet's coldkey must be its proxy");
    let offline = Arg::new("sign-offline")
        .long("sign-offline")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .conflicts_with("dry-run")
        .help(
            "Send nothing; write the call to this file, to sign it with `neuron sign FILE` where the key is, and to \
             send it with `neuron submit` here",
        );
    // Other tools can hide what they send; here there is nothing to switch off.
    let hidden = Arg::new("no-mev-protection").long("no-mev-protection").alias("no-mev-shield").hide(true);
    let announce = Arg::new("announce")
        .long("announce")
        .alias("announce-only")
        .action(ArgAction::SetTrue)
        .requires("proxy")
        .conflicts_with("sign-offline")
        .help("With --proxy: only announce the call; `neuron proxy execute` executes it after the delay");
    command.args([dry, proxy, announce, offline]).arg(hidden.action(ArgAction::SetTrue))
}

/// Adds limits to the price of a swap.
pub(super) fn with_limit(command: Command, price: &'static str) -> Command {
    let limit = Arg::new("limit-price").long("limit-price").value_name("TAO").help(price).conflicts_with("tolerance");
    let tolerance = Arg::new("tolerance")
        .long("tolerance")
        .aliases(["rate-tolerance", "slippage"])
        .value_name("PART")
        .help("How far the price may move: 0.05 or 5%");
    let partial = Arg::new("partial")
        .long("partial")
        .aliases(["allow-partial-stake", "allow-partial"])
        .action(ArgAction::SetTrue)
        .help("Do as much as the limit allows, instead of all or nothing");
    let safe = Arg::new("safe").long("safe-staking").alias("safe").hide(true).action(ArgAction::SetTrue);
    let unsafe_ = Arg::new("unsafe").long("no-safe-staking").alias("unsafe").hide(true).action(ArgAction::SetTrue);
    command.args([limit, tolerance, partial, safe.conflicts_with("unsafe"), unsafe_])
}

/// What btcli's `--safe-staking` means without a number.
const USUAL_TOLERANCE: f64 = 0.05;

/// Which way a price moves when one buys, sells, or swaps between subnets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moves {
    Up,
    Down,
}

/// The limit that was asked for, `now` being the price of the moment; `None` when none was.
pub(super) fn limit(matches: &ArgMatches, now: Rao, moves: Moves) -> Result<Option<PriceLimit>, Failure> {
    let allow_partial = matches.get_flag("partial");
    if let Some(text) = matches.get_one::<String>("limit-price") {
        let price = text.parse().map_err(|error| Failure::new(Exit::Usage, anyhow::Error::new(error)))?;
        return Ok(Some(PriceLimit { price, allow_partial }));
    }
    let tolerance = match matches.get_one::<String>("tolerance") {
        Some(text) => part(text)?,
        None if matches.get_flag("safe") => USUAL_TOLERANCE,
        None if allow_partial => {
            return Err(Failure::new(
                Exit::Usage,
                anyhow::anyhow!("--partial needs a limit: --limit-price or --tolerance"),
            ));
        }
        None => return Ok(None),
    };
    let factor = if moves == Moves::Up { 1.0 + tolerance } else { 1.0 - tolerance };
    let price = Rao((now.0 as f64 * factor).round() as u64);
    Ok(Some(PriceLimit { price, allow_partial }))
}

/// `0.05` or `5%`, between 0 and 1.
pub(super) fn part(text: &str) -> Result<f64, Failure> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    let wrong =
        || Failure::new(Exit::Usage, anyhow::anyhow!("`{text}` is not a part: give 0.05 or 5%, between 0 and 100%"));
    number.ok().filter(|part| (0.0..=1.0).contains(part)).ok_or_else(wrong)
}

/// What became of a write; part of every result.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Outcome {
    /// `SubtensorModule.add_stake`.
    call: String,
    signer: Account,
    /// For whom it was done, when the signer is a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_for: Option<Account>,
    /// The chain's estimate; `null` when it gives none.
    fee_rao: Option<Rao>,
    /// The free balance of the account that it was done for, before and after.
    free_before_rao: Rao,
    free_rao: Rao,
    dry_run: bool,
    /// What was announced, by a proxy that has to wait.
    #[serde(flatten)]
    announced: Option<Announced>,
    /// The file that waits for its signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsigned: Option<PathBuf>,
    /// Of the metadata in that file, to be compared where it is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_hash: Option<Hash32>,
    /// `null` in a dry run, and where another machine signs.
    inclusion: Option<Inclusion>,
}

/// A call that was announced.
#[derive(Debug, JsonSchema, Serialize)]
struct Announced {
    /// `SubtensorModule.add_stake`.
    announced: String,
    call_hash: Hash32,
    /// Its bytes, for `neuron proxy execute`.
    call_hex: String,
}

impl Outcome {
    /// Where the transaction is; `None` when nothing was sent.
    pub(super) const fn inclusion(&self) -> Option<&Inclusion> {
        self.inclusion.as_ref()
    }

    /// Free TAO that the account has less than before, in rao.
    pub(super) fn spent(&self) -> Rao {
        Rao(self.free_before_rao.0.saturating_sub(self.free_rao.0))
    }

    fn told(&self) -> String {
        let fee = self.fee_rao.map_or_else(|| "unknown fee".to_owned(), |fee| format!("fee {fee}"));
        if let (Some(path), Some(metadata)) = (&self.unsigned, self.metadata_hash) {
            let path = path.display();
            return format!(
                "{path} waits for the signature of {}; {fee}; nothing was sent\n\
                 metadata {metadata}\n\
                 Where the key is: neuron sign {path}\n",
                self.signer
            );
        }
        match &self.inclusion {
            None => format!("dry run: nothing was sent; {fee}, free {}\n", self.free_before_rao),
            Some(Inclusion { block, extrinsic, finalised, .. }) => {
                let state = if *finalised { "final" } else { "not final yet" };
                let (before, after) = (self.free_before_rao, self.free_rao);
                let announced = self.announced.as_ref().map_or_else(String::new, |announced| {
                    let (hash, hex) = (announced.call_hash, &announced.call_hex);
                    let real = self.proxy_for.map(|real| real.to_string()).unwrap_or_default();
                    format!("announced {hash}; after the delay: neuron proxy execute --real {real} --call-hex {hex}\n")
                });
                let spent = format!("{fee}; free {before} → {after}");
                format!("block {block} ({state}), transaction {extrinsic}; {spent}\n{announced}")
            }
        }
    }
}

/// One write of one command.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) chain: Subtensor,
    settings: &'a Settings,
    output: Output,
    real: Option<Account>,
    /// Not done, but announced.
    announce: bool,
    dry_run: bool,
    /// Where the call goes instead of to the chain.
    offline: Option<PathBuf>,
    signer: KeyKind,
    key: OnceCell<Keypair>,
}

/// A result with its outcome, as one object.
#[derive(JsonSchema, Serialize)]
struct Document<T> {
    #[serde(flatten)]
    details: T,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Prints {
    /// The result of a write: `T` with what became of it.
    pub(super) const fn written<T: JsonSchema>() -> Self {
        Self::one::<Document<T>>()
    }

    /// `T` as it is where nothing is to be changed, else the result of a write.
    pub(super) const fn shown_or_written<T: JsonSchema>() -> Self {
        Self::either::<T, Document<T>>()
    }
}

impl<'a> Writer<'a> {
    /// For a command made by [`with_write`]; the coldkey signs.
    pub(super) async fn open(
        matches: &ArgMatches,
        settings: &'a Settings,
        output: Output,
    ) -> Result<Writer<'a>, Failure> {
        let real = matches.get_one::<String>("proxy").map(|text| account(settings, text, output)).transpose()?;
        let (dry_run, signer) = (matches.get_flag("dry-run"), KeyKind::Coldkey);
        let offline = matches.get_one::<PathBuf>("sign-offline").cloned();
        let chain = connect(settings).await?;
        let announce = matches.get_flag("announce");
        Ok(Self { chain, settings, output, real, announce, dry_run, offline, signer, key: OnceCell::new() })
    }

    /// The hotkey signs instead.
    pub(super) fn signed_by_hotkey(self) -> Self {
        Self { signer: KeyKind::Hotkey, ..self }
    }

    /// Whose stake, balance and hotkeys it is about.
    pub(super) fn owner(&self) -> Result<Account, Failure> {
        self.real.map_or_else(|| address(self.settings, KeyKind::Coldkey, None), Ok)
    }

    /// Says what will happen, asks, signs and sends. `what` is a sentence without its end.
    pub(super) async fn carry_out(&self, operation: Operation, what: &str) -> Result<Outcome, Failure> {
        let signer = address(self.settings, self.signer, None)?;
        let owner = self.real.unwrap_or(signer);
        let (operation, announced) = self.as_proxy(operation).await?;
        let what = match &announced {
            Some(announced) => format!("Announce {}: {what}", announced.call_hash),
            None => what.to_owned(),
        };
        let free_before_rao = self.chain.balance(&owner).await.map_err(refused)?;
        let fee_rao = match self.chain.fee(&operation, &signer).await {
            Ok(fee) => Some(fee),
            // The call itself cannot be written: nothing else would help.
            Err(error @ (SubtensorError::Missing { .. } | SubtensorError::BadArgument(_))) => {
                return Err(refused(error));
            }
            Err(error) => {
                tracing::debug!(%error, "the chain estimates no fee");
                None
            }
        };
        let mut outcome = Outcome {
            call: operation.name(),
            signer,
            proxy_for: self.real,
            fee_rao,
            free_before_rao,
            free_rao: free_before_rao,
            dry_run: self.dry_run,
            announced,
            unsigned: None,
            metadata_hash: None,
            inclusion: None,
        };
        if self.dry_run {
            return Ok(outcome);
        }
        if let Some(path) = &self.offline {
            self.output.note(&what);
            let unsigned = self.chain.prepare(&operation, &signer).await.map_err(refused)?;
            unsigned.save(path)?;
            (outcome.unsigned, outcome.metadata_hash) = (Some(path.clone()), Some(unsigned.metadata_hash));
            return Ok(outcome);
        }
        let fee = fee_rao.map_or_else(|| "an unknown fee".to_owned(), |fee| format!("a fee of {fee}"));
        confirm(self.output, &format!("{what}; {fee}, free {free_before_rao} on {owner}?"))?;
        outcome.inclusion = Some(self.submit(&operation).await?);
        outcome.free_rao = self.chain.balance(&owner).await.map_err(refused)?;
        Ok(outcome)
    }

    /// The operation as the signer does it: itself, for another, or announced for another.
    async fn as_proxy(&self, operation: Operation) -> Result<(Operation, Option<Announced>), Failure> {
        let Some(real) = &self.real else { return Ok((operation, None)) };
        if !self.announce {
            return Ok((operation.through_proxy(real), None));
        }
        let bytes = self.chain.call_data(&operation).await.map_err(refused)?;
        let call_hash = Hash32::of(&bytes);
        let call_hex = format!("0x{}", hex::encode(&bytes));
        Ok((Operation::announce(real, call_hash), Some(Announced { announced: operation.name(), call_hash, call_hex })))
    }

    /// Sends and waits. Whoever interrupts is told what may still happen.
    async fn submit(&self, operation: &Operation) -> Result<Inclusion, Failure> {
        let key = self.key()?;
        let sent = Mutex::new(None);
        let tell = |signed| *sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(signed);
        tokio::select! {
            done = self.chain.submit_telling(operation, key, tell) => done.map_err(refused),
            () = interrupted() => {
                let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).take();
                Err(Failure::new(Exit::Interrupted, anyhow::anyhow!(left_behind(operation, sent.as_ref()))))
            }
        }
    }

    /// The signing key, unlocked when it is first needed.
    fn key(&self) -> Result<&Keypair, Failure> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = match self.signer {
            KeyKind::Coldkey => coldkey(self.settings)?,
            KeyKind::Hotkey => hotkey(self.settings)?,
        };
        Ok(self.key.get_or_init(|| key))
    }

    /// Asks and unlocks before work that ends in a write: from then on nobody is asked.
    pub(super) fn ask_first(&mut self, what: &str) -> Result<(), Failure> {
        confirm(self.output, &format!("{what}?"))?;
        self.key()?;
        self.output.yes = true;
        Ok(())
    }

    /// Whether nothing is to be sent.
    pub(super) const fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Prints the result. `text` is the first line, for a person.
    pub(super) fn done<T: Serialize + JsonSchema>(
        &self,
        details: T,
        outcome: Outcome,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let document = Document { details, outcome };
        Ok(self.output.result(&document, |Document { details, outcome }| match outcome.inclusion {
            Some(_) => format!("{}\n{}", text(details), outcome.told()),
            None => outcome.told(),
        })?)
    }
}

/// What is to be known of a write that was not waited for.
pub(super) fn left_behind(operation: &impl Display, sent: Option<&SignedCall>) -> String {
    match sent {
        None => format!("interrupted before {operation} was signed: nothing was sent"),
        Some(SignedCall { hash, last_block, .. }) => format!(
            "interrupted while {operation} was under way as transaction {hash}: it can still get into a block until \
             {last_block}. Run `neuron transaction {hash}` to see its outcome before you try again"
        ),
    }
}

/// What a swap will bring, as a part of the question; the chain may not say.
pub(super) fn told(quote: Result<Quote, SubtensorError>, unit: &str) -> String {
    match quote {
        Ok(Quote { received, impact_percent, price, .. }) => {
            format!(" for about {:.9} {unit} at a price of {price}, {impact_percent:.2} % worse", received.as_tao())
        }
        Err(error) => {
            tracing::debug!(%error, "the chain gives no estimate");
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str], now: u64, moves: Moves) -> Result<Option<PriceLimit>, Failure> {
        let command = with_limit(Command::new("x"), "");
        limit(&command.try_get_matches_from([&["x"], arguments].concat()).unwrap(), Rao(now), moves)
    }

    #[test]
    fn a_limit_is_a_price_or_a_tolerance() {
        let price = |arguments: &[&str], moves| asked(arguments, 2_000, moves).unwrap().map(|limit| limit.price.0);
        assert_eq!(price(&[], Moves::Up), None);
        assert_eq!(price(&["--limit-price", "1.5"], Moves::Up), Some(1_500_000_000));
        assert_eq!(price(&["--tolerance", "0.1"], Moves::Up), Some(2_200));
        assert_eq!(price(&["--tolerance", "10%"], Moves::Down), Some(1_800));
        assert_eq!(price(&["--safe"], Moves::Up), Some(2_100));
        assert!(asked(&["--tolerance", "5 %", "--partial"], 1, Moves::Up).unwrap().unwrap().allow_partial);
        for wrong in [&["--tolerance", "x"][..], &["--tolerance", "101%"], &["--limit-price", "1e3"], &["--partial"]] {
            assert_eq!(asked(wrong, 1, Moves::Up).unwrap_err().exit, Exit::Usage, "{wrong:?}");
        }
    }
}

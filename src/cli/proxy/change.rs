//! `neuron proxy add` and `remove`.

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Proxy, delay, kind, named, number, operation, word, writing};
use crate::cli::chain::with_chain;
use crate::cli::output::Output;
use crate::cli::write::Writer;
use crate::cli::{Exit, Failure, Prints, Verb};
use crate::units::Account;

pub(super) const ADD: Verb = Verb { name: "add", command: add_command, run: add, prints: Prints::written::<Changed>() };
pub(super) const REMOVE: Verb =
    Verb { name: "remove", command: remove_command, run: remove, prints: Prints::written::<Changed>() };

fn delegate() -> Arg {
    Arg::new("delegate").long("delegate").value_name("ADDRESS").help("The proxy: an address, or WALLET")
}

fn add_command() -> Command {
    let command = Command::new("add")
        .about("Lets another account act for the wallet's coldkey")
        .after_help("The chain holds a deposit; it is given back when the proxy is removed.")
        .args([delegate().required(true), kind().required(true), delay()]);
    writing(command)
}

fn remove_command() -> Command {
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue).help("Remove all proxies");
    let command = Command::new("remove")
        .about("No longer lets another account act for the wallet's coldkey")
        .args([delegate(), all])
        .group(ArgGroup::new("which").args(["delegate", "all"]).required(true))
        .args([kind().conflicts_with("all"), delay()]);
    writing(command)
}

#[derive(JsonSchema, Serialize)]
struct Changed {
    account: Account,
    /// `null`: all.
    delegate: Option<Account>,
    proxy_type: Option<String>,
    delay: u32,
}

impl Changed {
    fn of(account: Account, Proxy { delegate, proxy_type, delay }: Proxy) -> Self {
        Self { account, delegate: Some(delegate), proxy_type: Some(proxy_type), delay }
    }
}

fn add(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let proxy = Proxy {
            delegate: named(matches, "delegate", &settings, output)?,
            proxy_type: word(matches, "kind").to_owned(),
            delay: number(matches, "delay"),
        };
        let writer = Writer::open(matches, &settings, output).await?;
        let account = writer.owner()?;
        let operation = operation(&writer.chain, "add_proxy", proxy.arguments()).await?;
        let Proxy { delegate, proxy_type, delay } = &proxy;
        let when =
            if *delay == 0 { "at once".to_owned() } else { format!("{delay} blocks after it announced the call") };
        let what = format!("Let {delegate} act for {account} as {proxy_type}, {when}");
        let (outcome, delegate) = (writer.carry_out(operation, &what).await?, *delegate);
        writer.done(Changed::of(account, proxy), outcome, |it| format!("{delegate} may act for {}", it.account))
    })
}

fn remove(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let writer = Writer::open(matches, &settings, output).await?;
        let account = writer.owner()?;
        if matches.get_flag("all") {
            let operation = operation(&writer.chain, "remove_proxies", []).await?;
            let outcome = writer.carry_out(operation, &format!("Remove all proxies of {account}")).await?;
            let changed = Changed { account, delegate: None, proxy_type: None, delay: 0 };
            return writer.done(changed, outcome, |it| format!("no account may act for {} any more", it.account));
        }
        let (delegate, delay) = (named(matches, "delegate", &settings, output)?, number(matches, "delay"));
        let proxy_type = match matches.get_one::<String>("kind") {
            Some(kind) => kind.clone(),
            None => only_kind(&writer, &account, &delegate, delay).await?,
        };
        let what = format!("No longer let {delegate} act for {account} as {proxy_type}");
        let proxy = Proxy { delegate, proxy_type, delay };
        let operation = operation(&writer.chain, "remove_proxy", proxy.arguments()).await?;
        let outcome = writer.carry_out(operation, &what).await?;
        writer.done(Changed::of(account, proxy), outcome, |it| {
            format!("{delegate} may not act for {} any more", it.account)
        })
    })
}

/// As what `delegate` acts, when there is one way only.
async fn only_kind(writer: &Writer<'_>, account: &Account, delegate: &Account, delay: u32) -> Result<String, Failure> {
    let proxies = super::list::proxies_of(&writer.chain, account).await?;
    let mut kinds: Vec<String> = proxies
        .into_iter()
        .filter(|proxy| proxy.delegate == *delegate && proxy.delay == delay)
        .map(|proxy| proxy.proxy_type)
        .collect();
    match (kinds.pop(), kinds.as_slice()) {
        (Some(kind), []) => Ok(kind),
        (None, _) => {
            let error = anyhow::anyhow!(
                "{delegate} is not a proxy of {account} with a delay of {delay}; see `neuron proxy list`"
            );
            Err(Failure::new(Exit::Missing, error))
        }
        (Some(kind), others) => {
            let kinds = [others, &[kind]].concat().join(", ");
            Err(Failure::new(
                Exit::Usage,
                anyhow::anyhow!("{delegate} is a proxy of several kinds: choose one with --proxy-type ({kinds})"),
            ))
        }
    }
}

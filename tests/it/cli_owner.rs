//! The commands of whoever owns keys, stake or a subnet, typed at the real binary against a development chain; what each
//! did is read back from the chain.
#![cfg(feature = "localnet")]

use std::time::Duration;

use neuron::localnet::LocalnetConfig;
use neuron::localnet::genesis::{GenesisConfig, SubnetGenesis};
use neuron::subtensor::Operation;
use neuron::units::{Account, NetUid, Rao};
use serde_json::{Value, json};

use crate::cli_chain::Machine;
use crate::json_schema;
use crate::subtensor::{EVENTS, key, quick};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anything_on_the_chain_is_read_by_its_name() {
    let machine = Machine::new().await;
    let bob = key("//Bob").account().to_string();
    assert_eq!(machine.done("storage SubtensorModule.Tempo 155").await, json!(5));
    assert_eq!(machine.done("query SubtensorModule.Tempo 155").await, json!(5), "btcli's word");
    let account = machine.done(&format!("storage System.Account {bob}")).await;
    assert_eq!(account["data"]["free"], Rao::from_tao(1_000_000).0);
    // A map of one key, and the second half of one with two.
    let tempos = machine.done("storage SubtensorModule.Tempo").await;
    let entries = tempos["entries"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["keys"] == json!([155]) && entry["value"] == json!(5)), "{tempos}");
    let keys = machine.done("storage SubtensorModule.Keys 155").await;
    assert_eq!(keys["entries"][0], json!({"keys": [0], "value": key("//Owner//155").account().to_string()}));
    let one = machine.done("storage SubtensorModule.Tempo --limit 1").await;
    assert_eq!((one["entries"].as_array().unwrap().len(), &one["more"]), (1, &json!(true)));
    assert_eq!(
        machine.done("storage SubtensorModule.SubnetOwner 155").await,
        json!(key("//Alice").account().to_string())
    );
    assert_eq!(machine.done(&format!("storage SubtensorModule.Axons 155 {bob}")).await, Value::Null);

    assert!(machine.done("constant Aura.SlotDuration").await.is_u64());
    let price = machine.done("api SwapRuntimeApi.current_alpha_price 155").await;
    assert!(price.as_u64().unwrap() > 0);
    assert_eq!(
        machine
            .done(
                "api AccountNonceApi.account_nonce 0x0101010101010101010101010101010101010101010101010101010101010101"
            )
            .await,
        json!(0)
    );

    for (status, line, says) in [
        (2, "storage SubtensorModule.Tempos 155", "did you mean Tempo"),
        (2, "storage SubtensorModul.Tempo 155", "did you mean SubtensorModule"),
        (2, "storage Tempo", "with a dot"),
        (2, "storage SubtensorModule.Tempo 70000", "up to 65535"),
        (2, "storage SubtensorModule.Tempo 155 1", "has 1 keys, but 2 are given"),
        (2, "storage System.Account 5Gxyz", "expected an account"),
        (2, "constant Aura.SlotDurations", "did you mean SlotDuration"),
        (2, "api SwapRuntimeApi.current_alpha_price", "takes 1 arguments (netuid)"),
        (2, "api SwapRuntimeApi.current_alpha_prize 1", "did you mean current_alpha_price"),
        (2, "storage SubtensorModule.Tempo 155 --block 999999", "does not exist yet"),
    ] {
        let said = machine.fails(status, line).await;
        assert!(said.contains(says), "{line}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_call_is_sent_by_its_name() {
    let machine = Machine::new().await;
    let friend = Account([7; 32]);
    let free = async || machine.chain.balance(&friend).await.unwrap();

    let line = format!("call Balances.transfer_keep_alive dest={friend} value=1500000000");
    let dry = machine.done(&format!("{line} --dry-run")).await;
    assert_eq!((&dry["dry_run"], &dry["inclusion"], free().await), (&json!(true), &Value::Null, Rao(0)));
    assert!(dry["fee_rao"].as_u64().unwrap() > 0);
    let sent = machine.done(&format!("{line} --yes")).await;
    assert_eq!((&sent["call"], free().await), (&json!("Balances.transfer_keep_alive"), Rao(1_500_000_000)));
    let spent = sent["free_before_rao"].as_u64().unwrap() - sent["free_rao"].as_u64().unwrap();
    assert_eq!(spent, 1_500_000_000 + sent["fee_rao"].as_u64().unwrap(), "the fee was what the chain had said");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({"dest": {"Id": friend.to_string()}, "value": 5}).to_string()).unwrap();
    machine.done(&format!("call Balances.transfer_keep_alive --args-file {} --yes", file.path().display())).await;
    assert_eq!(free().await, Rao(1_500_000_005));

    // A batch: calls inside a call.
    let inner = json!([{"Balances": {"transfer_keep_alive": {"dest": friend.to_string(), "value": 1}}},
                       {"System": {"remark": {"remark": "hello"}}}]);
    machine.done(&format!("call Utility.batch_all calls={inner} --yes")).await;
    assert_eq!(free().await, Rao(1_500_000_006));
    // One that stops half-way succeeds as a transaction; we say what failed.
    let inner = json!([{"SubtensorModule": {"start_call": {"netuid": 77}}}]);
    let said = machine.fails(6, &format!("call Utility.batch calls={inner} --yes")).await;
    assert!(said.contains("failed in block"), "{said}");

    for (status, line, says) in [
        (2, "call Balances.transfer_keep_aliv dest=1", "did you mean transfer_keep_alive"),
        (2, "call Balances.transfer_keep_alive value=1", "`dest` is missing"),
        (2, "call Balances.transfer_keep_alive dest=5Gx value=1", "expected an account"),
        (2, "call Balances.transfer_keep_alive value=1 dest=x to=y", "no `to`"),
        (2, "call Balances.transfer_keep_alive value", "NAME=VALUE"),
        (6, "call SubtensorModule.start_call netuid=77 --yes", ""),
    ] {
        let said = machine.fails(status, line).await;
        assert!(said.contains(says), "{line}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subnets_are_listed_priced_created_started_and_tuned() {
    let subnets = vec![SubnetGenesis { tempo: 5, ..SubnetGenesis::events() }];
    let genesis = GenesisConfig { subnets, ..GenesisConfig::default() };
    let machine = Machine::with(LocalnetConfig { genesis, ..quick() }).await;
    let listed = machine.done("subnets list").await;
    let row = listed.as_array().unwrap().iter().find(|row| row["netuid"] == 155).unwrap();
    assert_eq!((&row["tempo"], &row["neurons"]), (&json!(5), &json!(1)));
    assert_eq!(row["price_rao"], machine.done("subnets price --netuid 155").await["price_rao"]);
    assert_eq!(machine.done("subnets show --netuid 155").await["owner"], json!(key("//Alice").account().to_string()));
    machine.fails(4, "subnets show --netuid 77").await;

    let quote = machine.done("subnets price --netuid 155 --tao 10 --alpha 10").await;
    let price = quote["price_rao"].as_u64().unwrap() as f64 / 1e9;
    let (bought, sold) = (&quote["buying"], &quote["selling"]);
    assert!(bought["received"].as_f64().unwrap() <= 10e9 / price && bought["impact_percent"].as_f64().unwrap() >= 0.0);
    assert!(sold["received"].as_f64().unwrap() <= 10e9 * price, "{sold}");

    let cost = machine.done("subnets create-cost").await["cost_rao"].as_u64().unwrap();
    let dry = machine.done("subnets create --dry-run").await;
    assert_eq!((&dry["netuid"], &dry["cost_rao"]), (&Value::Null, &json!(cost)));
    let created = machine.done("subnets create --yes").await;
    let netuid = created["netuid"].as_u64().unwrap();
    assert_eq!(
        machine.done(&format!("subnets show --netuid {netuid}")).await["owner"],
        json!(key("//Bob").account().to_string())
    );
    machine.done(&format!("subnets start --netuid {netuid} --yes")).await;
    assert_eq!(machine.done(&format!("subnets show --netuid {netuid}")).await["started"], json!(true));

    // Settings: by the owner, and by root.
    machine.done(&format!("subnets set min_allowed_weights 3 --netuid {netuid} --yes")).await;
    let parameters = machine.done(&format!("hyperparameters --netuid {netuid}")).await;
    assert_eq!(parameters["min_allowed_weights"], json!(3));
    let said = machine.fails(6, &format!("subnets set min_allowed_weights 4 --netuid {netuid} --yes")).await;
    assert!(said.contains("once in 2 tempos") && said.contains("TxRateLimitExceeded"), "too soon: {said}");
    let said = machine.fails(6, "subnets set min_allowed_weights 3 --netuid 155 --yes").await;
    assert!(said.contains("BadOrigin"), "not Bob's: {said}");
    machine.add_wallet("alice", "//Alice", "//Alice//neuron");
    let tempo = "subnets set tempo 9 --netuid 155 --yes --wallet.name alice";
    let said = machine.fails(6, tempo).await;
    assert!(said.contains("BadOrigin"), "not even the owner's: {said}");
    machine.done(&format!("{tempo} --as-root")).await;
    assert_eq!(machine.chain.hyperparameters(EVENTS).await.unwrap().tempo, 9);
    let said = machine.fails(2, "subnets set tempo 1 2 --netuid 155 --yes").await;
    assert!(said.contains("takes 1 values (tempo)"), "{said}");
    let said = machine.fails(2, "subnets set min_alowed_weights 3 --netuid 155").await;
    assert!(said.contains("min_allowed_weights"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_moves_within_the_limits_that_were_given() {
    let machine = Machine::new().await;
    let (bob, friend) = (key("//Bob").account(), Account([7; 32]));
    let said = machine.fails(6, "register --netuid 155 --limit-price 0.000001 --yes").await;
    assert!(said.contains("RegistrationPriceLimitExceeded"), "{said}");
    let dry = machine.done("register --netuid 155 --dry-run").await;
    assert_eq!((&dry["uid"], &dry["paid_rao"]), (&Value::Null, &json!(0)));
    machine.done("register --netuid 155 --limit-price 10 --yes").await;

    let hotkey = key("//Bob//neuron").account();
    let said = machine.fails(6, "stake add 100000 --netuid 155 --tolerance 1% --yes").await;
    assert!(said.contains("SlippageTooHigh") || said.contains("PriceLimit"), "{said}");
    let part = machine.done("stake add 100000 --netuid 155 --tolerance 1% --partial --yes").await;
    let staked = machine.chain.stake(&hotkey, &bob, EVENTS).await.unwrap();
    assert!(staked > Rao(0) && part["free_before_rao"].as_u64() > part["free_rao"].as_u64());
    let spent = part["free_before_rao"].as_u64().unwrap() - part["free_rao"].as_u64().unwrap();
    assert!(spent < Rao::from_tao(100_000).0, "{spent}");
    let said = machine.fails(2, "stake remove 1 --netuid 155 --partial --yes").await;
    assert!(said.contains("--tolerance"), "{said}");

    let worth = machine.done("stake list").await;
    let inspected = machine.done("wallet inspect").await;
    assert_eq!(worth[0]["netuid"], json!(155));
    assert_eq!(inspected["hotkeys"][hotkey.to_string()], json!([155]));
    let sum = inspected["free_rao"].as_u64().unwrap() + inspected["stakes"][0]["worth_rao"].as_u64().unwrap();
    assert_eq!(inspected["total_rao"], json!(sum));
    let overview = machine.done("wallet overview").await;
    assert_eq!(overview["subnets"][0]["neurons"][0]["hotkey"], json!(hotkey.to_string()));
    assert_eq!(machine.done(&format!("wallet inspect {friend}")).await["total_rao"], json!(0));

    let all = machine.done(&format!("transfer --all --to {friend} --yes")).await;
    assert_eq!(all["amount_rao"], Value::Null);
    let left = machine.chain.balance(&bob).await.unwrap();
    assert!(left < Rao(1_000), "what keeps the account alive: {left}");
    assert!(machine.chain.balance(&friend).await.unwrap() > Rao::from_tao(1_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_acts_for_the_account_whose_keys_are_elsewhere() {
    let machine = Machine::new().await;
    let (alice, bob, friend) = (key("//Alice"), key("//Bob").account(), Account([7; 32]));
    let line = format!("transfer 2 --to {friend} --proxy {} --yes", alice.account());
    let said = machine.fails(6, &line).await;
    assert!(said.contains("NotProxy"), "{said}");

    let arguments = json!({"delegate": bob.to_string(), "proxy_type": "Any", "delay": 0});
    let add = machine.chain.operation("Proxy.add_proxy", arguments.as_object().unwrap()).await.unwrap();
    machine.chain.submit(&add, &alice).await.unwrap();
    let sent = machine.done(&line).await;
    assert_eq!((&sent["proxy_for"], &sent["signer"]), (&json!(alice.account().to_string()), &json!(bob.to_string())));
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao::from_tao(2));
    // The transaction around it succeeds; what was to be done did not.
    let too_much = format!("transfer 90000000 --to {friend} --proxy {} --yes", alice.account());
    let said = machine.fails(6, &too_much).await;
    assert!(said.contains("failed in block"), "{said}");
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao::from_tao(2));
    // The same from the library: root's call inside sudo.
    let refused = Operation::start_subnet(NetUid(77)).as_root();
    assert!(machine.chain.submit(&refused, &alice).await.unwrap_err().refusal().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_is_read_at_its_block() {
    let machine = Machine::new().await;
    let bob = key("//Bob").account();
    let before = machine.chain.block_number().await.unwrap();
    machine.done("transfer 5 --to 5C62Ck4UrFPiBtoCmeSrgF7x9yv9mn38446dhCpsi2mLHiFT --yes").await;
    let now = machine.done("balance").await["free_rao"].as_u64().unwrap();
    let then = machine.done(&format!("balance --at-block {before}")).await["free_rao"].as_u64().unwrap();
    assert!(now < Rao::from_tao(1_000_000 - 5).0 && then == Rao::from_tao(1_000_000).0, "{now} {then}");
    let stored = machine.done(&format!("storage System.Account {bob} --block {before}")).await;
    assert_eq!(stored["data"]["free"], json!(then));
    assert_eq!(machine.done(&format!("subnets price --netuid 155 --block {before}")).await["netuid"], json!(155));
}

/// Two subnets; Bob and Charlie each with a neuron in 155.
async fn two_owners() -> Machine {
    let other = SubnetGenesis { netuid: 8, tempo: 5, ..SubnetGenesis::events() };
    let subnets = vec![SubnetGenesis { tempo: 5, ..SubnetGenesis::events() }, other];
    let genesis = GenesisConfig { subnets, ..GenesisConfig::default() };
    let machine = Machine::with(LocalnetConfig { genesis, ..quick() }).await;
    machine.add_wallet("other", "//Charlie", "//Charlie//neuron");
    machine.done("register --netuid 155 --yes").await;
    machine.done("register --netuid 155 --wallet.name other --yes").await;
    machine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stake_goes_to_other_hotkeys_subnets_and_coldkeys() {
    let machine = two_owners().await;
    let (bob, charlie) = (key("//Bob").account(), key("//Charlie").account());
    let (mine, his) = (key("//Bob//neuron").account(), key("//Charlie//neuron").account());
    let stake = async |hotkey: Account, coldkey: Account, netuid: u16| {
        machine.chain.stake(&hotkey, &coldkey, NetUid(netuid)).await.unwrap()
    };
    machine.done("stake add 100 --netuid 155 --yes").await;
    let before = stake(his, bob, 155).await;
    assert_eq!(before, Rao(0));
    let moved = machine.done("stake move 10 --netuid 155 --to other/default --yes").await;
    assert_eq!((&moved["to_hotkey"], &moved["call"]), (&json!(his.to_string()), &json!("SubtensorModule.move_stake")));
    assert!(stake(his, bob, 155).await >= Rao::from_tao(10), "{moved}");
    let swapped = machine.done("stake swap 5 --netuid 155 --to-netuid 8 --tolerance 50% --yes").await;
    assert_eq!(swapped["call"], json!("SubtensorModule.swap_stake_limit"));
    assert!(stake(mine, bob, 8).await > Rao(0), "{swapped}");
    machine.done("stake transfer 5 --netuid 155 --to other --yes").await;
    // Shares are rounded.
    assert!(stake(mine, charlie, 155).await.as_tao() > 4.99);
    let said = machine.fails(2, "stake swap 5 --netuid 155 --to-netuid 155 --yes").await;
    assert!(said.contains("to itself"), "{said}");
    machine.fails(6, "stake move 5 --netuid 155 --to-netuid 77 --to other/default --yes").await;

    machine.done("stake auto --netuid 155 --to other/default --yes").await;
    assert_eq!(machine.done("stake auto --netuid 155").await["hotkey"], json!(his.to_string()));
    assert_eq!(machine.done("stake auto --netuid 8").await["hotkey"], Value::Null);

    machine.done("stake remove-all --yes").await;
    for netuid in [155, 8] {
        // Emission may come in the same block.
        assert!(stake(mine, bob, netuid).await < Rao::from_tao(5), "{netuid}");
    }
    assert!(stake(his, bob, 155).await >= Rao::from_tao(10), "another hotkey's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_takes_and_seats_on_root() {
    let machine = two_owners().await;
    let (mine, his) = (key("//Bob//neuron").account(), key("//Charlie//neuron").account());
    machine.done("stake child set other/default=25% --netuid 155 --yes").await;
    let family = machine.done("stake child get --netuid 155").await;
    let quarter = json!({"hotkey": his.to_string(), "proportion": u64::MAX / 4});
    let (children, pending) = (&family["children"], &family["pending"][0]);
    assert!(children == &json!([quarter]) || pending == &json!([quarter]), "{family}");
    let said = machine.fails(2, "stake child set other/default=60% default=60% --netuid 155 --yes").await;
    assert!(said.contains("more than 100 %"), "{said}");
    let said = machine.fails(2, "stake child set other/default --netuid 155 --yes").await;
    assert!(said.contains("ADDRESS=PART"), "{said}");
    let said = machine.fails(6, "stake child revoke --netuid 155 --yes").await;
    assert!(said.contains("RateLimit"), "a short while after: {said}");

    assert_eq!(machine.done("delegates take").await["take"], json!(11_796));
    machine.done("stake add 5 --netuid 155 --yes").await;
    machine.done("delegates take 9% --yes").await;
    assert_eq!(machine.done("delegates take").await["take"], json!(5_898));
    let delegates = machine.done("delegates list").await;
    let me =
        delegates.as_array().unwrap().iter().find(|delegate| delegate["hotkey"] == json!(mine.to_string())).unwrap();
    assert_eq!((&me["take"], &me["registrations"]), (&json!(5_898), &json!([155])));
    machine.fails(2, "delegates take 9% --yes").await;
    machine.fails(4, "delegates take --wallet.hotkey 5C62Ck4UrFPiBtoCmeSrgF7x9yv9mn38446dhCpsi2mLHiFT").await;

    let seat = machine.done("root register --yes").await;
    let seats = machine.done("root list").await;
    let found =
        seats["neurons"].as_array().unwrap().iter().find(|seat| seat["hotkey"] == json!(mine.to_string())).unwrap();
    assert_eq!(found["uid"], seat["uid"]);
    assert_eq!(machine.done("root claim-type").await["claim_type"], json!("Swap"));
    assert_eq!(machine.done("root claim-type keep --yes").await["claim_type"], json!("Keep"));
    let some = machine.done("root claim-type keep --only 155,8 --yes").await;
    assert_eq!(some["claim_type"], json!({"KeepSubnets": {"subnets": [8, 155]}}));
    machine.done("root claim 155 8 --yes").await;
    let said = machine.fails(2, "root claim 1 2 3 4 5 6 --yes").await;
    assert!(said.contains("takes 5"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_one_is_and_which_key_one_uses() {
    let machine = two_owners().await;
    let (bob, mine) = (key("//Bob").account(), key("//Bob//neuron").account());
    assert_eq!(machine.done("wallet get-identity").await, Value::Null);
    machine.done("wallet set-identity --name Bob --description forecasts --yes").await;
    let identity = machine.done(&format!("wallet get-identity {bob}")).await;
    assert_eq!(
        (&identity["name"], &identity["description"], &identity["url"]),
        (&json!("Bob"), &json!("forecasts"), &json!(""))
    );
    machine.add_wallet("alice", "//Alice", "//Alice//neuron");
    machine.done("subnets set-identity --netuid 155 --subnet-name events --wallet.name alice --yes").await;
    assert_eq!(machine.done("subnets get-identity --netuid 155").await["subnet_name"], json!("events"));
    assert_eq!(machine.done("subnets show --netuid 155").await["name"], json!("events"));
    machine.fails(6, "subnets set-identity --netuid 155 --subnet-name mine --yes").await;

    let fresh = key("//Fresh").account();
    let associate = format!("wallet associate-hotkey --wallet.hotkey {fresh} --yes");
    machine.done(&associate).await;
    assert_eq!(machine.chain.owner(&fresh).await.unwrap(), Some(bob));
    let said = machine.fails(2, &associate).await;
    assert!(said.contains("belongs to coldkey"), "{said}");

    let uid = machine.chain.uid(EVENTS, &mine).await.unwrap();
    machine.done(&format!("wallet swap-hotkey {fresh} --netuid 155 --yes")).await;
    assert_eq!(machine.chain.uid(EVENTS, &fresh).await.unwrap(), uid);
    assert_eq!(machine.chain.uid(EVENTS, &mine).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_that_a_person_gives_land_and_are_shown() {
    let machine = two_owners().await;
    machine.add_wallet("owner", "//Alice", "//Owner//155");
    let folder = tempfile::tempdir().unwrap();
    let set = |weights: &str| {
        format!("weights set {weights} --netuid 155 --wallet.name owner --db.directory {}", folder.path().display())
    };
    machine.done(&set("1=3 2=1")).await;
    let shown = machine.done("weights show --netuid 155").await;
    let row: Vec<(u64, u64)> = serde_json::from_value(shown["rows"]["0"].clone()).unwrap();
    let of = |uid| row.iter().find(|(at, _)| *at == uid).map_or(0, |(_, weight)| *weight) as f64;
    assert_eq!(of(1), 65_535.0, "{row:?}");
    assert!((of(1) / of(2) - 3.0).abs() < 0.001, "{row:?}");
    for (status, weights, says) in [
        (2, "1", "UID=WEIGHT"),
        (2, "1=-1", "UID=WEIGHT"),
        (2, "1=1 1=2", "twice"),
        (2, "1=0", "all weights are 0"),
        (4, "99=1", "no uid 99"),
    ] {
        let said = machine.fails(status, &set(weights)).await;
        assert!(said.contains(says), "{weights}: {said}");
    }
    machine.fails(4, "weights show --netuid 77").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_buys_a_slot_where_the_chain_takes_it() {
    let machine = Machine::with(LocalnetConfig { block_time: Duration::from_millis(250), ..quick() }).await;
    let bob = key("//Bob").account();
    set_number(&machine, "MinDifficulty", 1).await;
    set_number(&machine, "Difficulty", 20_000).await;
    let before = machine.chain.balance(&bob).await.unwrap();
    let dry = machine.done("register --pow --netuid 155 --dry-run").await;
    assert_eq!((&dry["call"], &dry["uid"]), (&json!("SubtensorModule.pow_register"), &Value::Null));
    machine.fails(7, "register --pow --netuid 155").await;
    let registered = machine.done("register --pow --pow-workers 1 --netuid 155 --yes").await;
    assert_eq!((&registered["uid"], &registered["paid_rao"]), (&json!(1), &json!(0)), "{registered}");
    assert_eq!(machine.chain.balance(&bob).await.unwrap(), before, "neither price nor fee");
    let again = machine.done("register --pow --netuid 155").await;
    assert_eq!(again["uid"], json!(1));
    machine.fails(4, "register --pow --netuid 77 --yes").await;
}

/// Puts a number of subnet 155 into storage, as root may.
async fn set_number(machine: &Machine, item: &str, value: u64) {
    let prefix = [sp_io::hashing::twox_128(b"SubtensorModule"), sp_io::hashing::twox_128(item.as_bytes())].concat();
    let key = format!("0x{}{}", hex::encode(prefix), hex::encode(EVENTS.0.to_le_bytes()));
    let items = json!({"items": [[key, format!("0x{}", hex::encode(value.to_le_bytes()))]]});
    let set = machine.chain.operation("System.set_storage", items.as_object().unwrap()).await.unwrap();
    machine.chain.submit(&set.as_root(), &crate::subtensor::key("//Alice")).await.unwrap();
    let stored = machine.done(&format!("storage SubtensorModule.{item} 155")).await;
    assert_eq!(stored, json!(value));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_made_here_signed_elsewhere_and_sent_from_here() {
    let machine = Machine::new().await;
    let friend = Account([7; 32]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (unsigned, signed) = (path("call.json"), path("call.signed.json"));
    let line = format!("transfer 2 --to {friend} --sign-offline {unsigned}");
    let made = machine.done(&line).await;
    assert_eq!((&made["inclusion"], &made["unsigned"]), (&Value::Null, &json!(unsigned)));
    assert!(machine.fails(1, &line).await.contains("exists"), "a file that is there stays");
    assert!(machine.fails(2, &format!("submit {unsigned}")).await.contains("neuron sign"));

    // The machine with the key has no chain.
    let sign = |file: &str, more: &[&str]| {
        let mut command = crate::support::neuron();
        command.args(["sign", file, "--output", "json", "--yes"]).args(more);
        command.env("BT_WALLET_PATH", machine.wallets());
        let output = command.output().unwrap();
        json_schema::check_printed(&["sign"], &serde_json::from_slice(&output.stdout).unwrap());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let text = std::fs::read_to_string(&unsigned).unwrap();
    let change = |pairs: &[(&str, Value)]| {
        let mut file: Value = serde_json::from_str(&text).unwrap();
        for (pointer, value) in pairs {
            *file.pointer_mut(pointer).unwrap() = value.clone();
        }
        std::fs::write(path("changed.json"), file.to_string()).unwrap();
        sign(&path("changed.json"), &[])
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["arguments"], json!({"dest": friend.to_string(), "value": 2_000_000_000u64}));
    let more = file["call_data"].as_str().unwrap().replace("0707", "0708");
    for pairs in [
        &[("/call", json!("Balances.transfer_all"))][..],
        &[("/arguments/value", json!(1))],
        &[("/call_data", json!(more))],
        &[("/call_data", json!(format!("{}00", file["call_data"].as_str().unwrap())))],
        &[("/metadata_hash", json!(format!("0x{}", "0".repeat(64))))],
        &[("/lifetime", json!(3))],
    ] {
        let (status, said) = change(pairs);
        assert!(status == 6 && said.contains("was changed"), "{pairs:?}: {status} {said}");
    }
    let (status, said) = change(&[("/signer", json!(key("//Alice").account().to_string()))]);
    assert!(status == 6 && said.contains("must be signed by"), "{said}");
    let (status, said) = sign(&unsigned, &["--metadata-hash", "0x00"]);
    assert!(status == 6 && said.contains("metadata"), "{said}");
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao(0));

    let (status, said) = sign(&unsigned, &["--metadata-hash", made["metadata_hash"].as_str().unwrap()]);
    assert_eq!(status, 0, "{said}");
    let sent = machine.done(&format!("submit {signed}")).await;
    assert_eq!(
        (&sent["call"], &sent["inclusion"]["finalised"]),
        (&json!("Balances.transfer_keep_alive"), &json!(true))
    );
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao::from_tao(2));
    // The same bytes again are found in their block, and do nothing more.
    let again = machine.done(&format!("submit {signed}")).await;
    assert_eq!(again["inclusion"]["block"], sent["inclusion"]["block"]);
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao::from_tao(2));

    // Genesis is part of what is signed: another chain does not take it, and says why.
    let other =
        Machine::with(LocalnetConfig { genesis: GenesisConfig { seed: 9, ..GenesisConfig::default() }, ..quick() });
    assert!(other.await.fails(6, &format!("submit {signed}")).await.contains("for another chain"));
}

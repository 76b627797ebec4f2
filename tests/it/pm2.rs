//! Both roles below pm2, from `config/ecosystem.config.js` as it is: started, reloaded, killed, grown too large, their logs moved
//! away, and stopped. `scripts/pm2.sh` installs pm2.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::needs;
use crate::processes::World;
use crate::support::{free_port, wait_until};

tests! { blocking: both_roles_live_below_pm2 }

const VALIDATOR: &str = "neuron-validator";
const MINER: &str = "neuron-miner-default";

/// pm2 with a daemon of its own, which ends with this.
struct Pm2 {
    world: World,
    program: PathBuf,
}

impl Pm2 {
    fn output(&self, arguments: &[&str]) -> Output {
        let bin = PathBuf::from(env!("CARGO_BIN_EXE_neuron")).parent().unwrap().display().to_string();
        let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.world.folder.path()).env("PATH", path);
        command.env("HOME", self.world.folder.path()).env("PM2_HOME", self.world.path("pm2"));
        // How often memory is looked at, in milliseconds.
        command.env("PM2_WORKER_INTERVAL", "500");
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "pm2 {arguments:?}: {out}{err}");
        out.into_owned()
    }

    /// Process and restarts of one of its programs.
    fn state(&self, name: &str) -> (u64, u64, String) {
        let list = self.run(&["jlist"]);
        let list: Value = serde_json::from_str(list.lines().last().unwrap()).unwrap();
        let found = list.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
        let status = found["pm2_env"]["status"].as_str().unwrap().to_owned();
        (found["pid"].as_u64().unwrap(), found["pm2_env"]["restart_time"].as_u64().unwrap(), status)
    }
}

impl Drop for Pm2 {
    fn drop(&mut self) {
        let mut kill = Command::new(&self.program);
        let _ = kill.arg("kill").env("PM2_HOME", self.world.path("pm2")).env("HOME", self.world.folder.path()).output();
    }
}

/// The process that answers at a health page, once it is well.
fn well(port: u16) -> Option<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    neuron::market::install_tls();
    runtime.block_on(async {
        let response = reqwest::get(format!("http://127.0.0.1:{port}/health")).await.ok()?;
        let well = response.status().is_success();
        let health = response.json::<Value>().await.ok()?;
        if well { health["pid"].as_u64() } else { None }
    })
}

fn both_roles_live_below_pm2() {
    let program = needs::pm2();
    let world = World::new();
    let _chain = world.localnet();
    let _market = world.market_sim();
    world.register(155, &["v", "m0"]);
    let (validator, miner) = (free_port(), free_port());
    let common = |name: &str, port: u16| {
        format!(
            "netuid = 155\n[wallet]\npath = {:?}\nname = {name:?}\n[subtensor]\nnetwork = {:?}\n\
             [market]\ncutoff_before_end = \"0s\"\n[market.polymarket]\nurl = {:?}\n[metrics]\nport = {port}\n\
             [db]\ndirectory = {:?}\n[logging]\nfile = {:?}\n",
            world.path("wallets"),
            world.endpoint(),
            world.market_url(),
            world.path(&format!("db-{name}")),
            world.path(&format!("{name}.log")),
        )
    };
    fs::create_dir(world.path("config")).unwrap();
    let ecosystem = concat!(env!("CARGO_MANIFEST_DIR"), "/config/ecosystem.config.js");
    let axon = free_port();
    let text = fs::read_to_string(ecosystem).unwrap().replace("8091", &axon.to_string());
    fs::write(world.path("config/ecosystem.config.js"), text).unwrap();
    let own = "tick = \"1s\"\n";
    fs::write(
        world.path("config/validator.toml"),
        own.to_owned() + &common("v", validator) + "[dendrite]\nallow_private = true\n",
    )
    .unwrap();
    fs::write(
        world.path("config/miner.toml"),
        common("m0", miner) + "[axon]\nip = \"127.0.0.2\"\n[blacklist]\nmin_stake = 100\n",
    )
    .unwrap();
    let pm2 = Pm2 { world, program };

    pm2.run(&["start", "config/ecosystem.config.js"]);
    wait_until("both are well", || well(validator).is_some() && well(miner).is_some());
    let first = pm2.state(VALIDATOR).0;
    assert_eq!(well(validator), Some(first), "pm2 watches the process itself, no shell");

    pm2.run(&["reload", VALIDATOR]);
    wait_until("another validator is well", || well(validator).is_some_and(|pid| pid != first));

    let (second, restarts, _) = pm2.state(MINER);
    assert!(Command::new("kill").args(["-9", &second.to_string()]).status().unwrap().success());
    wait_until("another miner is well", || well(miner).is_some_and(|pid| pid != second));
    assert_eq!(pm2.state(MINER).1, restarts + 1);

    let log = pm2.world.path("m0.log");
    let moved = pm2.world.path("m0.log.1");
    fs::rename(&log, &moved).unwrap();
    pm2.run(&["sendSignal", "SIGHUP", MINER]);
    wait_until("the log goes on in a new file", || {
        fs::read_to_string(&log).is_ok_and(|it| it.contains("the log continues"))
    });
    assert_eq!(pm2.state(MINER).1, restarts + 1, "a rotation restarts nothing");

    let third = pm2.state(MINER).0;
    pm2.run(&["restart", MINER, "--max-memory-restart", "1M"]);
    wait_until("a miner over its limit is started again", || pm2.state(MINER).1 > restarts + 2);
    assert_ne!(pm2.state(MINER).0, third);

    // With room again nobody starts it anew while it is told to stop.
    // While pm2 itself starts it anew it does not know it: then it is told again.
    let more = ["restart", MINER, "--max-memory-restart", "1G"];
    wait_until("pm2 takes the new limit", || pm2.output(&more).status.success());
    wait_until("a miner with room is well", || well(miner).is_some_and(|pid| pid == pm2.state(MINER).0));
    pm2.run(&["stop", "all"]);
    wait_until("both are stopped", || [VALIDATOR, MINER].iter().all(|name| pm2.state(name).2 == "stopped"));
    let said = fs::read_to_string(pm2.world.path("v.log")).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}

// pm2 start config/ecosystem.config.js                            everything below
// pm2 start config/ecosystem.config.js --only neuron-validator    one of them

// One miner for each of these hotkeys, with its port. Each has its own record.
const miners = { default: 8091 };

const role = (name, args) => ({
  name,
  script: "neuron",
  args,
  interpreter: "none",
  kill_timeout: 15000, // a running tick is finished and recorded first
  restart_delay: 5000,
  max_memory_restart: "1G", // many times what a role needs: a leak only costs a restart
});

module.exports = {
  apps: [
    role("neuron-validator", "validator --config config/validator.toml"),
    ...Object.entries(miners).map(([hotkey, port]) =>
      role(`neuron-miner-${hotkey}`, `miner --config config/miner.toml --wallet.hotkey ${hotkey} --axon.port ${port}`),
    ),
  ],
};

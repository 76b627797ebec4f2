// pm2 start config/ecosystem.config.js
module.exports = {
  apps: [
    {
      name: "neuron-validator",
      script: "neuron",
      args: "validator --config config/validator.toml",
      interpreter: "none",
      kill_timeout: 15000, // a tick in flight is finished and recorded first
      restart_delay: 5000,
    },
  ],
};

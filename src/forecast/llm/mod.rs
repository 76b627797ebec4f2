//! Forecasting with language models: search, read, reason, combine, correct, and be silent where that earns more.
//!
//! The order of the steps is that of Halawi et al. (2024, arXiv 2402.18563); prompts and code are our own.

pub mod abstain;
pub mod answer;
pub mod article;
pub mod calibrate;
pub mod combine;
pub mod conditional;
pub mod desk;
pub mod endpoint;
pub mod fit;
pub mod fold;
pub mod forecaster;
pub mod history;
pub mod money;
pub mod pipeline;
pub mod prompts;
pub mod retrieval;
pub mod schedule;
pub mod scripted;
pub mod settings;
pub mod spend;
pub mod worth;

//! The measures of the time-series subnet: from forecasts of 100 closes to what is sent to the chain.
//!
//! A request is judged by [`rmse`], turned into shares of that request by [`scaling`], weighted by how volatile the
//! period was ([`volatility`]), folded into long-run weights by [`long_run`], and transformed by [`chain`]. Definitions:
//! section 4 of the subnet's description in the project's issue.

pub mod chain;
pub mod long_run;
pub mod rmse;
pub mod scaling;
pub mod volatility;

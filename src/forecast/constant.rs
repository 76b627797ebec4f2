//! Says the same about everything: for tests of a set-up, not for earning.

use std::future::ready;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Forecast, Forecaster, Question};
use crate::units::{Probability, UnixMs};

/// Answers every question with one number.
#[derive(Debug, Clone, Copy)]
pub struct Constant(pub Probability);

impl Forecaster for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], _now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        ready(vec![Some(self.0).into(); questions.len()]).boxed()
    }
}

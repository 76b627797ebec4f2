//! The work of the axons that are measured.

use neuron::axon::{Caller, Handler, Refusal, Reply};
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::units::Probability;

/// Answers every event with one half.
pub(crate) struct Fill;

impl Handler<EventPredictionSynapse> for Fill {
    async fn handle(
        &self,
        _: &Caller,
        mut ask: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        let half = Probability::new(0.5).map_err(|e| Refusal::internal(e.to_string()))?;
        ask.events.values_mut().for_each(|event| event.answer(half, None));
        Ok(Reply::Answer(ask))
    }
}

//! Following the market, and knowing better, across a real port.

use std::sync::Arc;
use std::time::Duration;

use neuron::clock::Clock;
use neuron::forecast::{FollowMarket, Forecast, Forecaster, Question, Skill, Skilled, Source};
use neuron::market::polymarket::{NAME, Polymarket, PolymarketSettings};
use neuron::market::simulator::{self, Handle, SimulatorConfig};
use neuron::market::{EventKey, HttpSettings, Provider, TruthClient};
use neuron::units::{Probability, UnixMs};

const START: UnixMs = UnixMs::from_secs(1_767_225_600);

fn http(handle: &Handle) -> HttpSettings {
    HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(handle.url()) }
}

fn question(id: &str, provider: &str) -> Question {
    Question {
        key: EventKey::new(provider, id),
        provider: provider.to_owned(),
        id: id.to_owned(),
        description: "".into(),
        cutoff: None,
    }
}

#[tokio::test]
async fn few_or_many_the_prices_are_the_markets() {
    let clock = Clock::stepped(START);
    let config = SimulatorConfig { events: Some(40), ..SimulatorConfig::new(1, clock.clone()) };
    let handle = simulator::spawn(config).unwrap();
    clock.advance(Duration::from_secs(30 * 3600));
    let world = handle.world();
    let settings = PolymarketSettings { http: http(&handle), ..PolymarketSettings::default() };
    let market: Arc<dyn Provider> = Arc::new(Polymarket::new(settings, clock.clone()).unwrap());
    let follower = FollowMarket::new(vec![market]);
    for range in [0..3, 0..35] {
        let mut questions: Vec<Question> = range.clone().map(|i| question(&world.id(i), NAME)).collect();
        questions.push(question(&world.id(0), "azuro"));
        questions.push(question("0xdead", NAME));
        let answers = follower.forecast(&questions, clock.now()).await;
        // The first 31 events have opened.
        let expected = range.map(|i| (i <= 30).then(|| world.price(i, clock.now())));
        let expected: Vec<Option<f64>> = expected.chain([None, None]).collect();
        assert_eq!(answers.iter().map(|f| f.probability.map(Probability::get)).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn skill_is_the_same_inside_and_outside_the_process() {
    let clock = Clock::stepped(START);
    let config = SimulatorConfig { events: Some(40), ..SimulatorConfig::new(2, clock.clone()) };
    let handle = simulator::spawn(config).unwrap();
    clock.advance(Duration::from_secs(30 * 3600));
    let skill = Skill { seed: 9, error: 0.05, presence: 0.7, step: Duration::from_secs(3600) };
    let inside = Skilled::new(skill, Source::Here(handle.world())).unwrap();
    let client = Arc::new(TruthClient::new(http(&handle)).unwrap());
    let outside = Skilled::new(skill, Source::There(client)).unwrap();
    let questions: Vec<Question> = (0..40).map(|i| question(&handle.world().id(i), NAME)).collect();
    // Numbers may lose their last bit on the way through JSON.
    let rounded = |answers: Vec<Forecast>| -> Vec<Option<i64>> {
        answers.into_iter().map(|f| f.probability.map(|p| (p.get() * 1e12).round() as i64)).collect()
    };
    let answers = rounded(inside.forecast(&questions, clock.now()).await);
    assert_eq!(answers, rounded(outside.forecast(&questions, clock.now()).await));
    assert!((10..31).contains(&answers.iter().flatten().count()));
}

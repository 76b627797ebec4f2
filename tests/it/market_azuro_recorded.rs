//! Azuro as it was recorded: its dictionary of outcomes, its ids, and the odds of real conditions.

use neuron::market::Provider as _;
use neuron::market::azuro::Titles;
use serde_json::{Value, json};

use crate::market_azuro::{client_with, game, subgraph};
use crate::needs::shared;

tests! {
    blocking: every_number_of_the_dictionary_has_its_text;
    asynchronous: recorded_conditions_have_a_price_and_real_ids_are_kept
}

fn json_of(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(shared(path)).unwrap()).unwrap()
}

fn every_number_of_the_dictionary_has_its_text() {
    let whole = Titles::read(&shared("data/azuro/outcomes_dictionary.json.gz")).unwrap();
    let part = shared("data/azuro/outcomes_dictionary_first200.json");
    let first = Titles::read(&part).unwrap();
    let entries = json_of("data/azuro/outcomes_dictionary_first200.json");
    assert!(!entries.as_object().unwrap().is_empty());
    for (number, entry) in entries.as_object().unwrap() {
        let text = entry["_comment"].as_str().map(str::trim);
        assert_eq!((whole.of(number), first.of(number)), (text, text), "{number}");
    }
    // What is built in says the same as the dictionary: which side wins, or neither.
    let (built_in, selections) = (Titles::default(), json_of("data/azuro/selections_dictionary.json"));
    let mut compared = 0;
    for number in 0..20_000 {
        let number = number.to_string();
        let (Some(own), Some(text)) = (built_in.of(&number), whole.of(&number)) else { continue };
        let side = text.rsplit(' ').next().unwrap();
        assert!(selections["SELECTIONS"].as_object().unwrap().values().any(|it| it == side), "{text}");
        let expected = match side {
            "1" => "the first side wins",
            "2" => "the second side wins",
            _ => "it ends in a draw",
        };
        assert_eq!(own, expected, "{number}: {text}");
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

async fn recorded_conditions_have_a_price_and_real_ids_are_kept() {
    let fragments = json_of("data/azuro/documented_response_fragments.json");
    let identifiers = json_of("data/azuro/real_identifiers.json");
    let titles = Titles::read(&shared("data/azuro/outcomes_dictionary.json.gz")).unwrap();
    let mut entities = identifiers["outcome_entity_ids_v3"].as_array().unwrap().iter().cycle();
    let mut games = Vec::new();
    let mut expected = Vec::new();
    for (n, fragment) in fragments.as_array().unwrap().iter().enumerate() {
        let mut condition = fragment["fragment"].clone();
        let odds: Vec<f64> = condition["outcomes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|outcome| outcome["currentOdds"].as_str().unwrap().parse().unwrap())
            .collect();
        let book: f64 = odds.iter().map(|odds| 1.0 / odds).sum();
        for (place, outcome) in condition["outcomes"].as_array_mut().unwrap().iter_mut().enumerate() {
            outcome["id"] = if place == 0 { entities.next().unwrap().clone() } else { json!(format!("other {place}")) };
        }
        expected.push((condition["outcomes"][0]["id"].clone(), 1.0 / odds[0] / book));
        let mut game = game(n as u64, 1);
        game["conditions"] = json!([condition]);
        games.push(game);
    }
    let count = games.len();
    let server =
        subgraph(move |_| axum::response::IntoResponse::into_response(json!({"data": {"games": games}}).to_string()))
            .await;
    let market = client_with(&server.url, |it| (it.titles, it.page) = (titles, 1000));
    let listings = market.list().await.unwrap();
    assert_eq!(listings.len(), count, "{}", market.skipped());
    for (listing, (id, price)) in listings.iter().zip(expected) {
        assert_eq!(listing.event.id, id.as_str().unwrap());
        assert!((listing.quote.unwrap().price.get() - price).abs() < 1e-12);
    }
}

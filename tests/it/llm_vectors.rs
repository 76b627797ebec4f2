//! The pure parts of the pipeline of Halawi et al., by the numbers of its released code.

use std::collections::BTreeSet;
use std::fs;

use neuron::forecast::llm::answer::{rating, search_queries, star_probability};
use neuron::forecast::llm::combine::{trimmed_mean, two_class_brier};
use neuron::forecast::llm::schedule::retrieval_times;
use serde_json::Value;

use crate::needs::shared;

tests! { blocking: the_pure_parts_of_the_pipeline }

const DAY_MS: i64 = 86_400_000;

fn day(value: &Value) -> i64 {
    let date: jiff::civil::Date = value.as_str().unwrap().parse().unwrap();
    date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn text(case: &Value) -> &str {
    case["text"].as_str().unwrap()
}

fn the_pure_parts_of_the_pipeline() {
    let file = fs::read_to_string(shared("vectors/scoring/llm_pipeline.json")).unwrap();
    let document: Value = serde_json::from_str(&file).unwrap();
    let tolerance = document["meta"]["tolerance"].as_f64().unwrap();
    let mut seen = BTreeSet::new();
    for case in document["cases"].as_array().unwrap() {
        let function = case["fn"].as_str().unwrap();
        seen.insert(function);
        let near = |got: f64| {
            let want = case["value"].as_f64().unwrap();
            assert!((got - want).abs() <= tolerance, "{case}: {got}");
        };
        match function {
            "trimmed_mean" => near(trimmed_mean(&floats(&case["predictions"])).unwrap()),
            "star_probability" => near(star_probability(text(case))),
            "rating" => assert_eq!(rating(text(case)), case["value"].as_f64(), "{case}"),
            "two_class_brier" => {
                let answer = usize::try_from(case["answer"].as_u64().unwrap()).unwrap();
                near(two_class_brier(floats(&case["probabilities"]).try_into().unwrap(), answer));
            }
            "search_queries" => {
                let want: Vec<&str> = case["value"].as_array().unwrap().iter().map(|q| q.as_str().unwrap()).collect();
                assert_eq!(search_queries(text(case)), want, "{case}");
            }
            "retrieval_dates" => {
                let total = u32::try_from(case["total"].as_u64().unwrap()).unwrap();
                let found = retrieval_times(day(&case["begin"]), day(&case["close"]), day(&case["resolve"]), total);
                let want: Vec<Option<i64>> =
                    case["dates"].as_array().unwrap().iter().map(|date| (!date.is_null()).then(|| day(date))).collect();
                let days: Vec<Option<i64>> =
                    found.iter().map(|at| at.map(|at| at.div_euclid(DAY_MS) * DAY_MS)).collect();
                assert_eq!(days, want, "{case}");
            }
            other => panic!("nobody checks {other}"),
        }
    }
    assert!(!seen.is_empty());
}

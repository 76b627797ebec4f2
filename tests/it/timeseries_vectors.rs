//! Candles of the reference's vectors: requests and samples.

use neuron::forecast::series::indicators::{self, Form};
use neuron::market::klines::samples::{Gap, Times};
use neuron::market::klines::series::Series;
use neuron::market::klines::{INTERVAL, Interval, venue};
use neuron::units::UnixMs;
use serde_json::Value;

use crate::needs::shared;

tests! { blocking: exchange_answers_become_the_samples_of_the_reference, requests_are_those_of_the_reference, indicators_of_the_reference }

fn cases(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(shared(&format!("vectors/scoring/{name}.json"))).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    document["cases"].as_array().unwrap().clone()
}

fn times(case: &Value) -> Times {
    let minutes = case["interval_ms"].as_i64().unwrap() / 60_000;
    Times {
        first: UnixMs(case["start_ms"].as_i64().unwrap()),
        every: Interval::minutes(u32::try_from(minutes).unwrap()),
        count: case["count"].as_u64().unwrap() as usize,
    }
}

fn exchange_answers_become_the_samples_of_the_reference() {
    let mut compared = 0;
    for (i, case) in cases("tsps_klines").iter().enumerate() {
        let venue = venue(case["source"].as_str().unwrap()).unwrap();
        let page = (venue.read)(case["response"].to_string().as_bytes()).unwrap();
        assert_eq!(page.bad_rows, 0, "case {i}");
        let (series, _) = Series::of(venue.name, page.candles);
        let samples = times(case).sample(series.candles(), Gap::After);
        // Where the reference fails by a defect of its own, ours has an answer.
        let Some(expected) = case["expect"].as_object() else { continue };
        let samples = samples.unwrap_or_else(|e| panic!("case {i}: {e}"));
        for (name, values) in expected {
            let of = |c: &neuron::market::klines::Candle| match name.rsplit('_').next().unwrap() {
                "CLOSE" => c.close,
                "HIGH" => c.high,
                "LOW" => c.low,
                "VOLUME" => c.volume,
                other => panic!("{other}"),
            };
            let want: Vec<f32> = values.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
            let got: Vec<f32> = samples.iter().map(|sample| of(sample) as f32).collect();
            assert_eq!(got.len(), want.len(), "case {i}");
            for (got, want) in got.iter().zip(want) {
                // Sums of volumes are float32 there and double here.
                assert!((got - want).abs() <= want.abs() * 2e-7, "case {i} {name}: {got} {want}");
                compared += 1;
            }
        }
    }
    assert!(compared > 0);
}

fn requests_are_those_of_the_reference() {
    for case in cases("tsps_klines").iter().filter(|case| case["interval_ms"] == INTERVAL.ms()) {
        let venue = venue(case["source"].as_str().unwrap()).unwrap();
        let wanted = case["urls"][0].as_str().unwrap();
        // Kraken shows what comes after `since`; the reference asks from the candle itself on.
        if venue.name == "kraken" {
            continue;
        }
        let ask = (venue.ask)(venue.symbol, times(case).span());
        let query: Vec<String> = ask.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(format!("{}/{}?{}", venue.url, ask.path.join("/"), query.join("&")), wanted);
    }
}

/// A column of the vectors: null, or the text NaN, where nothing is defined.
fn column(values: &Value) -> Vec<Option<f64>> {
    values.as_array().unwrap().iter().map(Value::as_f64).collect()
}

fn indicators_of_the_reference() {
    for (i, case) in cases("tsps_indicators").iter().enumerate() {
        let closes: Vec<f64> = case["closes"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let number = |name: &str| usize::try_from(case[name].as_u64().unwrap()).unwrap();
        let plain = |values: Vec<f64>| values.into_iter().map(Some).collect::<Vec<_>>();
        let computed = match case["fn"].as_str().unwrap() {
            "rsi" => vec![("value", indicators::rsi(&closes, number("period"), Form::Compat))],
            "ema" => vec![("value", indicators::ema(&closes, number("length"), Form::Compat))],
            "macd" => {
                let (macd, signal) = indicators::macd(&closes, number("short"), number("long"), number("signal"));
                vec![("macd", plain(macd)), ("signal_line", plain(signal))]
            }
            "bollinger" => {
                let deviations = case["deviations"].as_f64().unwrap();
                let bands = indicators::bollinger(&closes, number("window"), deviations, Form::Compat);
                ["middle", "upper", "lower"].into_iter().zip(bands).collect()
            }
            other => panic!("{other}"),
        };
        for (name, got) in computed {
            let want = column(&case[name]);
            assert_eq!(got.len(), want.len(), "case {i} {name}");
            for (place, (got, want)) in got.iter().zip(want).enumerate() {
                let near = match (got, want) {
                    (Some(got), Some(want)) => (got - want).abs() <= 1e-9 * want.abs().max(1.0),
                    (got, want) => got.is_none() && want.is_none(),
                };
                assert!(near, "case {i} {name} at {place}: {got:?}, {want:?}");
            }
        }
    }
}

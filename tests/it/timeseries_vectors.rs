//! Candles of the reference's vectors: requests and samples.

use neuron::forecast::series::indicators::{self, Form};
use neuron::forecast::series::network::{Scaler, assemble, sparse_indexes, temporal};
use neuron::market::klines::samples::{Gap, Times};
use neuron::market::klines::series::Series;
use neuron::market::klines::{INTERVAL, Interval, taosfs, venue};
use neuron::units::UnixMs;
use serde_json::Value;

use crate::needs::shared;

tests! {
    blocking: exchange_answers_become_the_samples_of_the_reference, requests_are_those_of_the_reference, indicators_of_the_reference,
    times_lie_where_the_reference_puts_them, windows_are_scaled_as_in_the_reference, outputs_become_the_closes_of_the_reference,
    history_files_are_the_reference_s_to_the_byte
}

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

fn numbers(values: &Value) -> Vec<f32> {
    let number = |value: &Value| value.as_f64().map_or_else(|| value.as_str().unwrap().parse().unwrap(), |x| x as f32);
    values.as_array().unwrap().iter().map(number).collect()
}

/// Equal within the file's tolerance, which is that of a number about 1 in single precision: two units in the last place.
fn assert_near(got: &[f32], want: &Value, what: &str) {
    let want = numbers(want);
    assert_eq!(got.len(), want.len(), "{what}");
    for (place, (got, want)) in got.iter().zip(want).enumerate() {
        let slack = 2e-6_f32.max(2.0 * f32::EPSILON * want.abs());
        assert!((got - want).abs() <= slack, "{what} at {place}: {got} {want}");
    }
}

fn times_lie_where_the_reference_puts_them() {
    let (mut positions, mut roundings) = (0, 0);
    for (i, case) in cases("tsps_temporal").iter().enumerate() {
        if let Some(expected) = case["expect"].as_object() {
            for (name, want) in expected {
                let of = match name.as_str() {
                    "TIME_OF_DAY" => temporal::of_day,
                    "TIME_OF_WEEK" => temporal::of_week,
                    "TIME_OF_MONTH" => temporal::of_month,
                    "TIME_OF_YEAR" => temporal::of_year,
                    other => panic!("{other}"),
                };
                let times = times(case);
                let got: Vec<f32> = (0..times.count).map(|index| of(times.at(index))).collect();
                assert_near(&got, want, &format!("case {i} {name}"));
                positions += got.len();
            }
            continue;
        }
        let at = UnixMs(case["t"].as_i64().unwrap());
        let every = Interval::minutes(u32::try_from(case["interval_ms"].as_i64().unwrap() / 60_000).unwrap());
        let got = [every.floor(at), every.next(at), every.previous(at), every.closest(at)];
        let want = ["current", "next", "previous", "closest"].map(|name| UnixMs(case[name].as_i64().unwrap()));
        assert_eq!(got, want, "case {i}");
        roundings += 1;
    }
    assert!(positions > 0 && roundings > 0);
}

fn windows_are_scaled_as_in_the_reference() {
    let mut compared = 0;
    for (i, case) in cases("tsps_model_io").iter().enumerate().filter(|(_, case)| case["fn"] == "scale") {
        let column = |name: &str| numbers(&case["input"][name]);
        let is_price = |name: &str| name.ends_with("CLOSE") || name.ends_with("HIGH") || name.ends_with("LOW");
        let names: Vec<&str> = case["input"].as_object().unwrap().keys().map(String::as_str).collect();
        let prices = Scaler::of(names.iter().filter(|name| is_price(name)).flat_map(|name| column(name)));
        for name in names {
            let scaler = if is_price(name) { prices } else { Scaler::of(column(name)) };
            let is_time = name.starts_with("TIME");
            let scaled: Vec<f32> =
                column(name).into_iter().map(|x| if is_time { x } else { scaler.scale(x) }).collect();
            assert_near(&scaled, &case["scaled"][name], &format!("case {i} {name}"));
            if let Some(back) = case["unscaled"].get(name) {
                let got: Vec<f32> = scaled.iter().map(|x| scaler.unscale(*x)).collect();
                assert_near(&got, back, &format!("case {i} {name} back"));
            }
            compared += 1;
        }
    }
    assert!(compared > 0);
}

fn outputs_become_the_closes_of_the_reference() {
    let mut compared = 0;
    for (i, case) in cases("tsps_model_io").iter().enumerate() {
        let number = |name: &str| usize::try_from(case[name].as_u64().unwrap()).unwrap();
        match case["fn"].as_str().unwrap() {
            "scale" => {}
            "sparse_indexes" => {
                let want: Vec<usize> = serde_json::from_value(case["indexes"].clone()).unwrap();
                assert_eq!(sparse_indexes(number("length"), number("count")), want, "case {i}");
            }
            "assemble" => {
                let closes = numbers(&case["closes"]);
                let scaler = Scaler::of(closes.iter().copied());
                let outputs = numbers(&case["network_output"]);
                let got = assemble(scaler, *closes.last().unwrap(), &outputs, number("horizon"));
                assert_near(&got, &case["predictions"], &format!("case {i}"));
                compared += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(compared > 0);
}

fn history_files_are_the_reference_s_to_the_byte() {
    let all = cases("tsps_storage");
    for (i, case) in all.iter().enumerate() {
        let features = case["features"].as_array().unwrap();
        let columns: Vec<Vec<f32>> =
            features.iter().map(|feature| numbers(&case["samples"][feature[1].as_str().unwrap()])).collect();
        for feature in features {
            let known = match feature[1].as_str().unwrap() {
                "BTC_USD_CLOSE" => taosfs::CLOSE,
                "BTC_USD_HIGH" => taosfs::HIGH,
                "BTC_USD_LOW" => taosfs::LOW,
                "BTC_USD_VOLUME" => taosfs::VOLUME,
                _ => continue,
            };
            assert_eq!(feature[0], known, "case {i}");
        }
        let history = taosfs::History {
            start: UnixMs(case["start_ms"].as_i64().unwrap()),
            interval_ms: case["interval_ms"].as_u64().unwrap(),
            features: features.iter().map(|feature| u32::try_from(feature[0].as_u64().unwrap()).unwrap()).collect(),
            samples: (0..columns[0].len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect(),
        };
        let bytes = taosfs::encode(&history);
        assert_eq!(hex::encode(&bytes), case["uncompressed_hex"].as_str().unwrap(), "case {i}");
        let mut file = Vec::new();
        taosfs::write(&history, &mut file).unwrap();
        assert_eq!(taosfs::decode(&taosfs::decompress(&file, 1 << 20).unwrap()).unwrap(), history, "case {i}");
        // Its samples are candles that had closed by then.
        let candles = history.candles().unwrap();
        assert_eq!(candles.len(), columns[0].len());
        let late = history.start.since(candles[0].closes_at());
        assert!((0..INTERVAL.ms()).contains(&late), "case {i}: {late}");
    }
    assert!(!all.is_empty());
}

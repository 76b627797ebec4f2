//! The regression behind `community_prediction_lr`, against scikit-learn.

use std::io::Write as _;
use std::process::{Command, Stdio};

use neuron::scoring::elastic_net::{Model, Penalty, Row, fit};
use serde_json::{Value, json};

use crate::needs::python;

tests! { blocking: the_fit_is_the_one_that_scikit_learn_tends_to }

/// Numbers in `0..1` that follow from the seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Events whose chance each of some miners sees through a noise of its own, the first of them the clearest.
fn history(events: usize, miners: usize, seed: u64) -> Vec<Row> {
    let mut numbers = Numbers(seed);
    let row = |_| {
        let chance = 0.05 + 0.7 * numbers.next();
        let noise = |rank: usize| 0.05 + 0.5 * rank as f64 / miners as f64;
        let features =
            (0..miners).map(|rank| (chance + noise(rank) * (numbers.next() - 0.5)).clamp(0.0, 1.0)).collect();
        Row { features, outcome: numbers.next() < chance }
    };
    (0..events).map(row).collect()
}

const SCRIPT: &str = r#"
import json, sys, warnings
import numpy as np
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")
answers = []
for case in json.load(sys.stdin):
    x, y = np.array(case["x"]), np.array(case["y"])

    def fit(x, **more):
        model = LogisticRegression(
            solver="saga", penalty="elasticnet", l1_ratio=case["l1_ratio"], C=case["c"], class_weight="balanced",
            random_state=7, **more,
        )
        model.fit(x, y)
        return {
            "coefficients": model.coef_[0].tolist(),
            "intercept": float(model.intercept_[0]),
            "chances": model.predict_proba(x)[:, 1].tolist(),
        }

    answers.append({"exact": fit(x, tol=1e-11, max_iter=400_000), "usual": fit(x.astype(np.float32), max_iter=1000)})
json.dump(answers, sys.stdout)
"#;

fn ask(python: &std::path::Path, cases: &Value) -> Value {
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = cases.to_string();
    let mut input = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn model_of(said: &Value) -> Model {
    let coefficients = said["coefficients"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap()).collect();
    Model { coefficients, intercept: said["intercept"].as_f64().unwrap() }
}

/// The largest distance between the chances that two models give these rows.
fn apart(rows: &[Row], one: &Model, other: &Model) -> f64 {
    rows.iter().map(|row| (one.chance(&row.features) - other.chance(&row.features)).abs()).fold(0.0, f64::max)
}

fn the_fit_is_the_one_that_scikit_learn_tends_to() {
    let python = python("NEURON_PYTHON_SKLEARN");
    let usual = Penalty { c: 1.0, l1_ratio: 0.5 };
    let cases = [
        (history(30, 2, 1), usual),
        (history(80, 5, 2), Penalty { c: 0.5, l1_ratio: 0.5 }),
        (history(80, 5, 3), Penalty { c: 30.0, l1_ratio: 0.1 }),
        (history(150, 20, 4), Penalty { c: 1.0, l1_ratio: 0.9 }),
        // As a storefront learns it: a hundred ranks.
        (history(400, 100, 5), usual),
        // Fewer events than ranks.
        (history(40, 100, 6), usual),
    ];
    let said = cases.iter().map(|(rows, penalty)| {
        let x: Vec<&Vec<f64>> = rows.iter().map(|row| &row.features).collect();
        let y: Vec<u8> = rows.iter().map(|row| row.outcome.into()).collect();
        json!({"x": x, "y": y, "c": penalty.c, "l1_ratio": penalty.l1_ratio})
    });
    let answers = ask(&python, &said.collect());
    for ((rows, penalty), answer) in cases.iter().zip(answers.as_array().unwrap()) {
        let ours = fit(rows, *penalty).unwrap();
        let theirs = model_of(&answer["exact"]);
        let distance = ours.coefficients.iter().zip(&theirs.coefficients).map(|(a, b)| (a - b).abs());
        let distance = distance.fold((ours.intercept - theirs.intercept).abs(), f64::max);
        let (exact, usual) = (apart(rows, &ours, &theirs), apart(rows, &ours, &model_of(&answer["usual"])));
        let zeros = |model: &Model| model.coefficients.iter().filter(|w| **w == 0.0).count();
        eprintln!(
            "{} rows, {} ranks, {penalty:?}: coefficients within {distance:.1e}, chances within {exact:.1e}; of the \
             reference's own settings within {usual:.1e}; {} of ours are 0, {} of theirs",
            rows.len(),
            ours.coefficients.len(),
            zeros(&ours),
            zeros(&theirs)
        );
        assert!(distance < 1e-5 && exact < 1e-6, "{penalty:?}: {distance} {exact}");
        assert!(usual < 0.005, "as the reference has it: {usual}");
        // Their own chances are those of their coefficients: the model is the same function.
        let chances = answer["exact"]["chances"].as_array().unwrap();
        for (row, chance) in rows.iter().zip(chances) {
            assert!((theirs.chance(&row.features) - chance.as_f64().unwrap()).abs() < 1e-9);
        }
    }
}

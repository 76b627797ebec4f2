//! A forecaster's program may die, hang or babble: its questions are abstained from, and it gets another chance.

use std::time::Duration;

use neuron::forecast::{Command, CommandSettings, Forecaster, Question};
use neuron::market::EventKey;
use neuron::units::{Probability, UnixMs};

fn question(id: &str) -> Question {
    Question {
        key: EventKey::new("polymarket", id),
        provider: "polymarket".to_owned(),
        id: id.to_owned(),
        description: "Will it?\n\"Yes\"".into(),
        cutoff: Some(UnixMs(1_000_500)),
    }
}

/// A shell script as the program; `$line` is the question in hand.
fn program(script: &str) -> Command {
    let mut settings = CommandSettings::from_line("sh -c").unwrap();
    settings.arguments.push(script.to_owned());
    settings.deadline = Duration::from_secs(20);
    settings.first_pause = Duration::from_millis(1);
    settings.max_pause = Duration::from_millis(20);
    Command::spawn(settings)
}

/// Answers each question `0.25`, by the number it came with.
const GOOD: &str = r#"
    answer() { n=${1#*'"id":'}; n=${n%%[!0-9]*}; echo "{\"id\": $n, \"probability\": 0.25}"; }
"#;

async fn ask(program: &Command, ids: &[&str]) -> Vec<Option<f64>> {
    let questions: Vec<Question> = ids.iter().map(|id| question(id)).collect();
    let answers = program.forecast(&questions, UnixMs(7000)).await;
    answers.into_iter().map(|f| f.probability.map(Probability::get)).collect()
}

/// Asks until there is an answer: after a death, the program is away for a while.
async fn ask_until_answered(program: &Command) -> f64 {
    loop {
        if let [Some(answer)] = ask(program, &["again"]).await[..] {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_answers_every_question_of_a_batch_in_order() {
    let both = program(
        r#"while read -r line; do
            n=${line#*'"id":'}; n=${n%%[!0-9]*}
            case $line in *polymarket-b*) p=null;; *polymarket-c*) p=0.75;; *) p=0.25;; esac
            held="$held{\"id\": $n, \"probability\": $p}
"
            # Two answers at a time, the later one first.
            case $line in *polymarket-[bd]*) printf '%s' "$held" | sort -r; held=;; esac
        done"#,
    );
    assert_eq!(ask(&both, &["a", "b", "c", "d"]).await, [Some(0.25), None, Some(0.75), Some(0.25)]);
}

#[tokio::test]
async fn a_question_is_one_line_with_all_there_is() {
    let echo = program(
        r#"read -r line
        case $line in
            *'"cutoff":1000,'*'"description":"Will it?\n\"Yes\""'*'"event":"polymarket-a"'*'"event_id":"a"'*'"id":1,'*'"now":7,'*)
                echo '{"id": 1, "probability": 1}';;
            *) echo '{"id": 1, "probability": 0}';;
        esac
        cat > /dev/null"#,
    );
    assert_eq!(ask(&echo, &["a"]).await, [Some(1.0)]);
}

#[tokio::test]
async fn babble_is_ignored() {
    let babbler = program(&format!(
        r#"{GOOD} head -c 200000 /dev/zero | tr '\0' x; echo; echo hello; echo '{{"id": 99, "probability": 1}}'; echo >&2 complaint
        while read -r line; do printf '\377\0\n[]\n'; answer "$line"; done"#
    ));
    assert_eq!(ask(&babbler, &["a", "b"]).await, [Some(0.25), Some(0.25)]);
}

#[tokio::test]
async fn a_program_that_dies_is_started_again() {
    // Answers one question, then dies with the second in hand.
    let mortal = program(&format!(r#"{GOOD} read -r line; answer "$line"; read -r line; exit 3"#));
    assert_eq!(ask(&mortal, &["a"]).await, [Some(0.25)]);
    assert_eq!(ask(&mortal, &["b"]).await, [None]);
    assert_eq!(ask_until_answered(&mortal).await, 0.25);
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let been_here = folder.path().join("been-here");
    let script = format!(
        r#"{GOOD} if [ ! -e '{0}' ]; then : > '{0}'; exec sleep 1000; fi
        while read -r line; do answer "$line"; done"#,
        been_here.display()
    );
    let mut settings = CommandSettings::from_line("sh -c").unwrap();
    settings.arguments.push(script);
    settings.deadline = Duration::from_millis(300);
    settings.patience = 2;
    settings.first_pause = Duration::from_millis(1);
    let sleeper = Command::spawn(settings);
    assert_eq!(ask(&sleeper, &["a", "b"]).await, [None, None]);
    assert_eq!(ask_until_answered(&sleeper).await, 0.25);
}

#[tokio::test]
async fn a_program_that_is_not_there_abstains() {
    let missing = Command::spawn(CommandSettings::from_line("/nonexistent/forecaster --fast").unwrap());
    assert_eq!(ask(&missing, &["a"]).await, [None]);
    assert!(CommandSettings::from_line("  ").unwrap_err().to_string().contains("command"));
}

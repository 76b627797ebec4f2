//! Calls of one step together: their money is there before the first is sent, and is held no longer than it must be.

use std::time::Duration;

use super::super::scripted::{Handle, Line, Script, spawn};
use super::*;
use crate::forecast::llm::prompts;
use crate::forecast::llm::spend::Spent;
use crate::units::UnixMs;

/// Noon of a day, UTC.
const NOON: UnixMs = UnixMs(1_767_268_800_000);
/// The most that a call of [`calls`] can cost: two bytes, what messages cost beside their text, ten tokens.
const MOST: u64 = 2 + 32 + 10;

/// A desk with so many places, its model, which costs a millionth of a dollar for a token, and that model's server.
struct Office {
    _folder: tempfile::TempDir,
    desk: Desk,
    model: Endpoint,
    server: Handle,
}

impl Office {
    fn of(line: Line, budget: u64, places: usize, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SpendLedger::open(&folder.path().join("spend.sqlite")).unwrap();
        let server = spawn(Script(vec![line])).unwrap();
        let model = Endpoint::new(&"m=1/1".parse().unwrap(), &server.url(), None, Duration::from_secs(20)).unwrap();
        let budget = Budget { per_day: MicroUsd(budget), per_question: MicroUsd(budget) };
        Self { _folder: folder, desk: Desk::new(ledger, budget, clock, places), model, server }
    }

    /// Each of them is told a letter.
    fn calls(&self, letter: &str, count: u32) -> Vec<Call<'_>> {
        let prompted = Prompted { system: "a".into(), user: letter.into(), temperature: 0.0, max_tokens: 10 };
        let call = |draw| Call { endpoint: &self.model, prompt: prompts::summary(), draw, prompted: prompted.clone() };
        (0..count).map(call).collect()
    }

    /// What was spent on the day of `at`, once it is `until`, which it is told to be in a moment.
    async fn spent(&self, at: UnixMs, until: impl Fn(&Spent) -> bool) -> Spent {
        for _ in 0..500 {
            let spent = self.desk.ledger.spent(at).unwrap();
            if until(&spent) {
                return spent;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it stays so: {:?}", self.desk.ledger.spent(at));
    }
}

/// Four tokens each, whatever it is asked.
fn cheap(delay_ms: u64) -> Line {
    Line { say: "ok".into(), tokens: Some(vec![3, 1]), delay_ms, ..Line::default() }
}

#[tokio::test]
async fn a_call_for_which_there_was_no_money_ahead_finds_what_those_before_it_left() {
    // Two hold all the money; after each 40 of 44 are there again.
    let office = Office::of(cheap(0), 2 * MOST, 1, Clock::stepped(NOON));
    let account = Account::default();
    let said = office.desk.ask_all("q", &office.calls("b", 8), &account).await;
    assert!(said.iter().all(Result::is_ok), "{said:?}");
    assert_eq!(account.cost().micro_usd, MicroUsd(32));
    // 88 - 32 holds one more, for 4; then another, until fewer than 44 are left: four of them.
    let said = office.desk.ask_all("q", &office.calls("c", 6), &account).await;
    assert_eq!(said.iter().filter(|said| said.is_ok()).count(), 4, "{said:?}");
    assert!(said[4..].iter().all(|said| said.as_ref().is_err_and(DeskError::is_budget)), "{said:?}");
    assert_eq!(office.server.heard().len(), 12, "nothing was sent without money");
    // What is remembered needs none.
    let again = Account::default();
    let said = office.desk.ask_all("q", &office.calls("b", 8), &again).await;
    assert!(said.iter().all(Result::is_ok));
    assert_eq!((again.cost().calls, again.cost().remembered), (0, 8));
    assert_eq!(office.desk.ledger.spent(NOON).unwrap().calls, 12);
}

#[tokio::test]
async fn who_leaves_gives_back_the_money_of_the_calls_that_were_not_sent() {
    let office = Office::of(cheap(60_000), 100 * MOST, 1, Clock::stepped(NOON));
    let (account, calls) = (Account::default(), office.calls("b", 5));
    {
        let asked = office.desk.ask_all("q", &calls, &account);
        tokio::pin!(asked);
        let sent = office.spent(NOON, |spent| spent.unsettled == MicroUsd(5 * MOST));
        tokio::select! {
            _ = &mut asked => panic!("the model takes a minute"),
            _ = async { sent.await; while office.server.heard().is_empty() { tokio::task::yield_now().await; } } => {}
        }
    }
    // The one that was sent may be charged.
    let spent = office.spent(NOON, |spent| spent.unsettled == MicroUsd(MOST)).await;
    assert_eq!(spent.day, MicroUsd(MOST));
}

#[tokio::test]
async fn a_call_that_waits_past_midnight_is_paid_by_the_day_it_is_sent_on() {
    let clock = Clock::stepped(NOON);
    let office = Office::of(cheap(300), 3 * MOST, 1, clock.clone());
    let (account, calls) = (Account::default(), office.calls("b", 2));
    let next_day = NOON.plus_ms(86_400_000);
    let asked = office.desk.ask_all("q", &calls, &account);
    let midnight = async {
        office.spent(NOON, |spent| spent.unsettled == MicroUsd(2 * MOST)).await;
        while office.server.heard().is_empty() {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(86_400));
    };
    let (said, ()) = tokio::join!(asked, midnight);
    assert!(said.iter().all(Result::is_ok), "{said:?}");
    for day in [NOON, next_day] {
        let spent = office.spent(day, |spent| spent.unsettled == MicroUsd(0)).await;
        assert_eq!(spent.day, MicroUsd(4), "{day:?}");
    }
}

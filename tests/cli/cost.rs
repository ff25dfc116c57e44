//! `voxgate cost`: the shipped scenarios, a price of one's own, and invalid input.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{text, voxgate};

#[test]
fn the_shipped_scenarios_print_a_table_and_the_same_as_json() {
    for name in ["support_line", "open_socket", "incident"] {
        let table = stdout(&["cost", "estimate", &sample(name)]);
        let estimate: Value = serde_json::from_str(&stdout(&["cost", "estimate", &sample(name), "--json"])).unwrap();
        let dollars = |value: &Value| format!("{:.2}", value.as_f64().unwrap());
        let lines = estimate["lines"].as_array().unwrap();
        assert!(lines.len() >= 4, "{name}");
        for line in lines.iter().chain([&estimate]) {
            let label = line["item"].as_str().unwrap_or("all");
            let row = table
                .lines()
                .find(|row| row.split_whitespace().any(|cell| cell == label))
                .unwrap_or_else(|| panic!("{label} in\n{table}"));
            let (without, with) = (dollars(&line["without_guards"]), dollars(&line["with_guards"]));
            let cells: Vec<&str> = row.split_whitespace().collect();
            assert!(cells.contains(&without.as_str()) && cells.contains(&with.as_str()), "{without} {with}: {row}");
        }
        let saved: f64 = estimate["saved"].as_array().unwrap().iter().map(|s| s["usd"].as_f64().unwrap()).sum();
        let difference = estimate["without_guards"].as_f64().unwrap() - estimate["with_guards"].as_f64().unwrap();
        assert!(difference > 0.0 && (saved - difference).abs() < 1e-6, "{name}: {saved}, {difference}");
        assert!(table.contains("second-hand"), "{table}");
    }
}

#[test]
fn a_price_of_ones_own_replaces_the_shipped_one() {
    let dir = TempDir::new().unwrap();
    let prices = dir.path().join("prices.toml");
    let shipped = stdout(&["cost", "prices"]);
    std::fs::write(&prices, shipped.replace("usd = 0.0048\n", "usd = 0.0096\n")).unwrap();
    let stt = |args: &[&str]| {
        let scenario = sample("support_line");
        let args = [&["cost", "estimate", &scenario, "--json"], args].concat();
        let estimate: Value = serde_json::from_str(&stdout(&args)).unwrap();
        estimate["lines"][0]["without_guards"].as_f64().unwrap()
    };
    let (theirs, mine) = (stt(&[]), stt(&["--prices", prices.to_str().unwrap()]));
    assert!((mine - 2.0 * theirs).abs() < 1e-6, "{mine} is twice {theirs}");
}

/// A call of 60 seconds, 20 sessions of 3 seconds, each billed as a minute.
#[test]
fn the_twenty_minutes_of_a_call_of_one_are_shown_with_their_arithmetic() {
    let shown = stdout(&["cost", "estimate", &sample("incident"), "--show-work"]);
    println!("{shown}");
    let room = "1 min of a session for 0.01 USD, 20.0 × without, 2.0 × with: 0.2000 and 0.0200 USD";
    assert!(shown.contains("reconnect") && shown.contains(room), "{shown}");
    assert!(shown.contains("20 min of a session without, 2 with"), "{shown}");
    let estimate: Value = serde_json::from_str(&stdout(&["cost", "estimate", &sample("incident"), "--json"])).unwrap();
    let work = estimate["work"].as_array().unwrap();
    for (all, guards) in [("without_guards", "without_guards"), ("with_guards", "with_guards")] {
        let sum: f64 = work.iter().map(|work| work["each"].as_f64().unwrap() * work[guards].as_f64().unwrap()).sum();
        assert!((sum - estimate[all].as_f64().unwrap()).abs() < 1e-6, "the products add up: {sum}");
    }
}

#[test]
fn prices_that_were_read_long_ago_are_listed() {
    let all = stdout(&["cost", "prices", "--stale", "1d"]);
    let read = all.lines().map(|line| line.split_whitespace().next().unwrap()).collect::<Vec<_>>();
    assert!(read.len() > 10 && read.is_sorted(), "the oldest first: {all}");
    assert!(all.contains("0.0048 USD per minute  second-hand, open-gauntlet"), "{all}");
    let none = stdout(&["cost", "prices", "--stale", "20years"]);
    assert!(none.starts_with("no price was read before 20"), "{none}");
}

#[test]
fn the_summary_of_a_run_knows_what_an_hour_costs() {
    let told = |settings: &[&str]| {
        let set = settings.iter().flat_map(|setting| ["--set", setting]);
        stdout(&["gate", "samples/clean_turn.wav"].into_iter().chain(set).collect::<Vec<_>>())
    };
    let deepgram = told(&["forward.provider=deepgram"]);
    assert!(
        deepgram.contains(" USD instead of 0.288 (deepgram-nova-3, second-hand price of 2026-08-01)"),
        "{deepgram}"
    );
    let assemblyai = told(&["forward.provider=assemblyai"]);
    assert!(
        assemblyai.contains("this saves nothing") && assemblyai.contains("open connection: 0.450 USD"),
        "{assemblyai}"
    );
    assert!(!told(&[]).contains("USD"), "nobody knows what a generic provider costs");
}

#[test]
fn rubbish_is_refused_with_its_remedy() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("scenario.toml");
    let good = std::fs::read_to_string(sample("support_line")).unwrap();
    for (scenario, code, told) in [
        (good.replace("deepgram-nova-3", "deepgram-nova3"), 2, "did you mean `deepgram-nova-3`?"),
        (good.replace("per_day = 400", "per_day = -1"), 2, "call.per_day is -1, expected a number from 0"),
        ("[call".to_owned(), 2, "scenario.toml: TOML parse error"),
    ] {
        std::fs::write(&path, scenario).unwrap();
        refused(path.to_str().unwrap(), code, told);
    }
    refused("nowhere.toml", 1, "cannot read nowhere.toml");
}

fn refused(path: &str, code: i32, told: &str) {
    let output = voxgate().args(["cost", "estimate", path]).output().unwrap();
    let stderr = text(&output.stderr);
    assert!(output.status.code() == Some(code) && stderr.contains(told), "{told} in\n{stderr}");
    assert!(output.stdout.is_empty());
}

fn sample(name: &str) -> String {
    format!("{}/samples/{name}.cost.toml", env!("CARGO_MANIFEST_DIR"))
}

fn stdout(args: &[&str]) -> String {
    let output = voxgate().current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

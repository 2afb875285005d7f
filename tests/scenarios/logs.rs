//! What the functions log over whole scenarios: every outcome, and nothing personal (F16).

use std::process::Command;
use transom_testkit::world::{AUTH_TOKEN, CUSTOMER};

/// Runs other scenarios once more, with everything that our own rooms can log.
fn logged(scenarios: &[&str]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(scenarios)
        .args(["--nocapture", "--test-threads=2"])
        .env(transom_testkit::PART_OF_A_RUN, "1")
        .env(
            "TRANSOM_LOG",
            "info,transom_app=trace,transom_boot=trace,transom_desk=trace,transom_inbound=trace,\
             transom_notifier=trace,transom_sender=trace,transom_status=trace,transom_store=trace,\
             transom_sweeper=trace,transom_wire=trace",
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn f16_nothing_personal_is_logged() {
    let text = logged(&["main_road::", "blocked::m80", "inbound::f13", "statuses::u1"]);
    let outcomes = text.lines().filter(|line| line.contains("outcome")).count();
    assert!(outcomes > 100, "they are logged: {outcomes}");
    let personal = [
        // The customer's number without its country, and his name.
        &CUSTOMER[3..],
        "Test Customer",
        // What he and the business wrote.
        "Where is my order",
        "On its way",
        "Hello",
        // Keys, tokens and secrets.
        AUTH_TOKEN,
        "of-the-usual-account",
        "whsec_",
        "Bearer ",
    ];
    for line in text.lines() {
        let found = personal.iter().find(|word| line.contains(**word));
        assert_eq!(found, None, "{line}");
    }
}

//! Looks back at what the scenarios did: every AWS action that a function made is granted to it
//! in `template.yaml` (each World refuses anything else at once), and nothing is granted that
//! no scenario needed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use transom_local::template::Template;

#[test]
fn no_function_is_granted_what_it_never_uses() {
    let used = transom_testkit::recorded_actions();
    assert!(
        !used.is_empty(),
        "no scenario has left its actions: run the whole suite, `cargo test --workspace`"
    );
    let template = Template::parse(transom_testkit::world::TEMPLATE).unwrap();
    let mut unused = Vec::new();
    for (id, function) in &template.functions {
        for (action, resource) in function.policy.grants() {
            // Granted to the service that fetches the key ring and to the event source mapping;
            // local mode reads a file and polls by itself.
            let elsewhere =
                action.starts_with("secretsmanager:") || action == "sqs:ChangeMessageVisibility";
            let key = (id.clone(), action.clone(), resource.clone());
            if !elsewhere && !used.contains(&key) {
                unused.push(format!("{id}: {action} on {resource}"));
            }
        }
    }
    assert!(unused.is_empty(), "granted and never used:\n{}", unused.join("\n"));
    let known: BTreeSet<&String> = template.functions.keys().collect();
    for (function, action, resource) in &used {
        if !known.contains(function) {
            continue;
        }
        let policy = &template.functions[function].policy;
        assert!(policy.allows(action, resource), "{function} used {action} on {resource}");
    }
}

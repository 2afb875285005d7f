//! What holds for the house itself.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use transom_core::account::Provider;

/// The rooms in the order in which they may import: each only what stands before it.
const ROOMS: [(&str, u32); 15] = [
    ("transom-core", 0),
    ("transom-wire", 1),
    ("transom-store", 2),
    ("transom-app", 3),
    ("transom-boot", 4),
    ("transom-inbound", 5),
    ("transom-status", 5),
    ("transom-sender", 5),
    ("transom-media", 5),
    ("transom-sweeper", 5),
    ("transom-desk", 5),
    ("transom-notifier", 5),
    ("transom-local", 6),
    ("transom-testkit", 7),
    ("transom-tests", 8),
];

#[test]
fn imports_run_one_way() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let rank: BTreeMap<&str, u32> = ROOMS.into_iter().collect();
    assert_eq!(metadata.packages.len(), ROOMS.len(), "every room has its place in the order");
    for package in &metadata.packages {
        let own = rank[package.name.as_str()];
        for dependency in &package.dependencies {
            if let Some(other) = rank.get(dependency.name.as_str()) {
                assert!(*other < own, "{} must not import {}", package.name, dependency.name);
            }
        }
    }
}

#[test]
fn no_lambda_binary_links_an_engine() {
    let metadata = MetadataCommand::new().exec().unwrap();
    let resolve = metadata.resolve.as_ref().unwrap();
    let name = |id: &cargo_metadata::PackageId| metadata[id].name.to_string();
    let banned = [
        "dynoxide-rs",
        "rustack-sqs-core",
        "rusqlite",
        "clap",
        "proptest",
        "aws-lc-rs",
        "aws-lc-sys",
        "openssl-sys",
    ];
    for (function, _) in ROOMS.iter().filter(|(_, rank)| *rank == 5) {
        let root = resolve.nodes.iter().find(|n| name(&n.id) == *function).unwrap();
        let mut seen = vec![root.id.clone()];
        let mut next = 0;
        while let Some(id) = seen.get(next).cloned() {
            next += 1;
            let node = resolve.nodes.iter().find(|n| n.id == id).unwrap();
            for dependency in &node.deps {
                let normal = dependency.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal);
                if normal && !seen.contains(&dependency.pkg) {
                    seen.push(dependency.pkg.clone());
                }
            }
        }
        for id in &seen {
            let linked = name(id);
            assert!(!banned.contains(&linked.as_str()), "{function} links {linked}");
        }
    }
}

#[test]
fn the_core_knows_no_clock_no_chance_and_no_wire() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let core = metadata.packages.iter().find(|p| p.name.as_str() == "transom-core").unwrap();
    let mut names: Vec<&str> = core
        .dependencies
        .iter()
        .filter(|d| d.kind == DependencyKind::Normal)
        .map(|d| d.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["jiff", "serde", "thiserror"]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/core/src");
    for path in sources(Path::new(folder)) {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in
            ["SystemTime", "Instant::now", "Timestamp::now", "HashMap", "async fn", "std::env"]
        {
            assert!(!text.contains(word), "{} has `{word}`", path.display());
        }
    }
}

#[test]
fn the_store_never_scans() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/store/src");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(".scan()"));
    }
}

/// `docs/data-model.md` says of every public method of the store what it does and costs.
#[test]
fn every_method_of_the_store_has_its_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rows = std::fs::read_to_string(root.join("docs/data-model.md")).unwrap();
    let mut methods = 0;
    for path in sources(&root.join("shared/store/src")) {
        let code = code_of(&std::fs::read_to_string(&path).unwrap());
        for rest in code.split("    pub async fn ").skip(1) {
            let method = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(rows.contains(&format!("`{method}`")), "{}: `{method}`", path.display());
            methods += 1;
        }
    }
    assert!(methods > 100, "{methods}");
}

/// `docs/operations.md` says of every outcome that is logged when to look into it.
#[test]
fn every_outcome_that_is_logged_has_its_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rows = std::fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let mut outcomes = 0;
    for folder in ["shared/app/src", "shared/boot/src", "functions"] {
        for path in sources(&root.join(folder)) {
            let code = code_of(&std::fs::read_to_string(&path).unwrap());
            for rest in code.split("outcome = \"").skip(1) {
                let outcome = rest.split('"').next().unwrap();
                assert!(rows.contains(&format!("`{outcome}`")), "{}: `{outcome}`", path.display());
                outcomes += 1;
            }
        }
    }
    assert!(outcomes > 20, "{outcomes}");
}

/// What a source says outside comments, attributes and its own tests.
fn code_of(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = before_tests.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.filter(|line| !line.trim_start().starts_with("#[")).collect::<Vec<_>>().join("\n")
}

/// The words of `code` that are a provider's name.
fn names_of_providers(code: &str) -> Vec<&str> {
    let is_name =
        |word: &str| Provider::ALL.iter().any(|p| p.as_str() == word || format!("{p:?}") == word);
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| is_name(w)).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// Adding a provider touches `wire`, its profile in `core` and the sandbox: nothing between the
/// wire and the contract asks which provider it is.
#[test]
fn no_room_behind_the_wire_names_a_provider() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut read = 0;
    for room in ["shared/app", "shared/store", "shared/boot", "functions"] {
        for path in sources(&root.join(room)) {
            if path.file_stem().is_some_and(|s| s.to_string_lossy().ends_with("tests")) {
                continue;
            }
            read += 1;
            let code = code_of(&std::fs::read_to_string(&path).unwrap());
            let named = names_of_providers(&code);
            assert!(named.is_empty(), "{} names {named:?}", path.display());
        }
    }
    assert!(read > 80, "{read} sources were read");
    let matched =
        "match provider { // of meta\n Provider::Twilio => 1, _ => meta::two(\"gupshup\")";
    assert_eq!(names_of_providers(&code_of(matched)), ["Twilio", "meta", "gupshup"]);
}

//! `docs/mission-coverage.md` is made here, from the names of the tests that this workspace runs:
//! a row of the mission counts only by a test whose name begins with its number. A row whose test
//! vanishes fails the build, and so does a table that was not made anew:
//! `TRANSOM_COVERAGE=write cargo test -p transom-tests --test coverage`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod rows;

use rows::{Kept, PARTS, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The paths of all tests that `cargo test --workspace` runs, none that it would pass over.
fn tests() -> BTreeSet<String> {
    let listed = |ignored: &[&str]| -> BTreeSet<String> {
        let output = transom_testkit::cargo()
            .current_dir(root())
            .args(["test", "--workspace", "--lib", "--bins", "--tests", "--quiet", "--locked"])
            .args(["--", "--list", "--format", "terse"])
            .args(ignored)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter_map(|l| l.strip_suffix(": test")).map(str::to_owned).collect()
    };
    let (all, ignored) = (listed(&[]), listed(&["--ignored"]));
    all.difference(&ignored).cloned().collect()
}

/// The numbers at the beginning of a part of a path: `m1_m2_a_first_message` has two.
fn numbers(part: &str) -> impl Iterator<Item = String> {
    part.split('_').map_while(|word| {
        let (letter, digits) = word.split_at_checked(1)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        (is_number && "mudf".contains(letter)).then(|| word.to_uppercase())
    })
}

/// The tests of each row: their paths up to the part that bears the number.
fn tests_of_rows(tests: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for test in tests {
        let parts: Vec<&str> = test.split("::").collect();
        for (n, part) in parts.iter().enumerate() {
            for number in numbers(part) {
                let path = parts.iter().take(n + 1).copied().collect::<Vec<_>>().join("::");
                found.entry(number).or_default().insert(path);
            }
        }
    }
    found
}

fn rows() -> impl Iterator<Item = &'static Row> {
    PARTS.iter().flat_map(|(_, rows)| *rows)
}

fn table(of: &BTreeMap<String, BTreeSet<String>>) -> String {
    let mut text = String::from(
        "# What of the mission is kept, and by which test\n\n\
         Made by `tests/coverage` from the names of the tests that `cargo test --workspace` runs; \
         do not edit it. After a change: \
         `TRANSOM_COVERAGE=write cargo test -p transom-tests --test coverage`.\n",
    );
    for (part, rows) in PARTS {
        let _ = write!(text, "\n## {part}\n\n| Row | What | Kept by |\n|---|---|---|\n");
        for (number, what, kept) in *rows {
            let tests: Vec<String> =
                of.get(*number).into_iter().flatten().map(|test| format!("`{test}`")).collect();
            let tests = tests.join("<br>");
            let by = match kept {
                Kept::Tested => tests,
                Kept::Written => "[sign-up](providers/sign-up.md)".to_owned(),
                Kept::Stated(by) => (*by).to_owned(),
                Kept::Later(part) if tests.is_empty() => format!("later: {part}"),
                Kept::Later(part) => format!("later: {part}; so far {tests}"),
            };
            let _ = writeln!(text, "| {number} | {what} | {by} |");
        }
    }
    text
}

#[test]
fn every_row_of_the_mission_is_kept() {
    let of = tests_of_rows(&tests());
    let known: BTreeSet<&str> = rows().map(|(number, ..)| *number).collect();
    let mut wrong = Vec::new();
    for number in of.keys().filter(|n| !known.contains(n.as_str())) {
        // The desk's own rows, M110 to M143, are listed when the desk is built.
        let desk = number.strip_prefix('M').and_then(|n| n.parse::<u32>().ok());
        if !desk.is_some_and(|n| (110..=143).contains(&n)) {
            wrong.push(format!("a test is named after {number}, which is no row"));
        }
    }
    let sign_up = std::fs::read_to_string(root().join("docs/providers/sign-up.md")).unwrap();
    let written: BTreeSet<&str> = sign_up.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    for (number, what, kept) in rows() {
        match kept {
            Kept::Tested if !of.contains_key(*number) => {
                wrong.push(format!("no test bears {number} ({what})"));
            }
            Kept::Written if !written.contains(number) => {
                wrong.push(format!("docs/providers/sign-up.md does not name {number} ({what})"));
            }
            Kept::Tested | Kept::Written | Kept::Stated(_) | Kept::Later(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (path, made) = (root().join("docs/mission-coverage.md"), table(&of));
    if std::env::var("TRANSOM_COVERAGE").is_ok_and(|v| v == "write") {
        std::fs::write(&path, &made).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == made,
        "docs/mission-coverage.md is not what the tests' names say; make it anew with \
         TRANSOM_COVERAGE=write cargo test -p transom-tests --test coverage, and look at the difference"
    );
}

#[test]
fn numbers_stand_at_the_beginning_of_a_name() {
    let of = |name| numbers(name).collect::<Vec<_>>();
    assert_eq!(of("m1_m2_a_first_message"), ["M1", "M2"]);
    assert_eq!(of("f14_order"), ["F14"]);
    assert!(of("the_m21_limit").is_empty());
    assert!(of("meta").is_empty());
    assert!(of("d_13").is_empty());
}

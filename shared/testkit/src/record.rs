//! What the functions did at AWS, over all Worlds of one run of the suite.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use transom_local::policy::{ActionLog, Use};

/// Beside the test binaries, so that every binary of one build finds it.
fn folder() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    exe.parent().map(|p| p.join("transom-actions")).unwrap_or_default()
}

/// Set for a run of the suite that a test of the suite starts: it adds to what its parent kept.
pub const PART_OF_A_RUN: &str = "TRANSOM_PART_OF_A_RUN";

/// Forgets earlier runs; once in a process, before its first World.
pub(crate) fn begin() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        if std::env::var_os(PART_OF_A_RUN).is_none() {
            let _absent = std::fs::remove_dir_all(folder());
        }
        let _exists = std::fs::create_dir_all(folder());
    });
}

/// Keeps what one World's functions did.
pub(crate) fn keep(log: &ActionLog) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let lines: Vec<String> = log
        .snapshot()
        .into_iter()
        .map(|(function, action, resource)| format!("{function}\t{action}\t{resource}"))
        .collect();
    let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let _unwritable = std::fs::write(folder().join(name), lines.join("\n"));
}

/// What all Worlds of the last run did.
#[must_use]
pub fn recorded_actions() -> BTreeSet<Use> {
    let mut used = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(folder()) else { return used };
    for entry in entries.flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        for line in text.lines() {
            let mut parts = line.split('\t').map(str::to_owned);
            if let (Some(function), Some(action), Some(resource)) =
                (parts.next(), parts.next(), parts.next())
            {
                used.insert((function, action, resource));
            }
        }
    }
    used
}

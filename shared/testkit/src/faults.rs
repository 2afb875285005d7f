//! Faults on the wire between a function and the tables or queues.

use std::sync::Mutex;
use std::sync::PoisonError;
use transom_local::transport::{Faults, WireFault};

/// A script: which calls of which function meet which fault.
#[derive(Debug, Default)]
pub struct Script {
    lines: Mutex<Vec<Line>>,
}

#[derive(Debug)]
struct Line {
    function: String,
    target: String,
    skip: u32,
    times: u32,
    fault: WireFault,
}

impl Script {
    /// An empty script.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// After `skip` calls of `function` whose target ends with `target`, the next `times` meet
    /// `fault`. Both names match by their beginning and end: `Inbound`, `PutItem`; an empty name
    /// matches everything.
    #[must_use]
    pub fn on(self, function: &str, target: &str, skip: u32, times: u32, fault: WireFault) -> Self {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(Line {
            function: function.to_owned(),
            target: target.to_owned(),
            skip,
            times,
            fault,
        });
        self
    }
}

impl Faults for Script {
    fn next(&self, function: &str, target: &str) -> Option<WireFault> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines.iter_mut() {
            if !function.starts_with(&line.function) || !target.ends_with(&line.target) {
                continue;
            }
            if line.skip > 0 {
                line.skip -= 1;
            } else if line.times > 0 {
                line.times -= 1;
                return Some(line.fault);
            }
        }
        None
    }
}

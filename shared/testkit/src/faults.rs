//! Faults on the wire between a function and the tables or queues.

use std::sync::{Arc, Mutex, PoisonError};
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

/// Counts the calls of some functions, and lets one of them meet a fault.
#[derive(Debug)]
pub struct AtCall {
    functions: Vec<String>,
    broken: Option<Broken>,
    seen: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Broken {
    call: usize,
    times: usize,
    fault: WireFault,
}

impl AtCall {
    /// Counts only. Functions are named by their beginning: `Inbound`.
    #[must_use]
    pub fn count(functions: &[&str]) -> Arc<Self> {
        Arc::new(Self::new(functions, None))
    }

    /// Call number `call` of these functions, from 0, and `times - 1` behind it meet `fault`.
    #[must_use]
    pub fn broken(functions: &[&str], call: usize, times: usize, fault: WireFault) -> Arc<Self> {
        Arc::new(Self::new(functions, Some(Broken { call, times, fault })))
    }

    fn new(functions: &[&str], broken: Option<Broken>) -> Self {
        let functions = functions.iter().map(|&name| name.to_owned()).collect();
        Self { functions, broken, seen: Mutex::default() }
    }

    /// The targets of the calls that were made, in order.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Faults for AtCall {
    fn next(&self, function: &str, target: &str) -> Option<WireFault> {
        if !self.functions.iter().any(|name| function.starts_with(name)) {
            return None;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let call = seen.len();
        seen.push(target.rsplit('.').next().unwrap_or_default().to_owned());
        let met = self.broken.as_ref().filter(|b| (b.call..b.call + b.times).contains(&call));
        met.map(|b| b.fault)
    }
}

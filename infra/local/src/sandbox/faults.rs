//! Faults that tests order in advance: each is met by one send that would have been accepted.

use std::collections::{BTreeMap, VecDeque};

/// What goes wrong with one send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The message is taken and reported on, but the connection closes without an answer.
    DropAfterRequest,
    /// The request is read and forgotten, and the connection closes without an answer.
    DropUntaken,
    /// The message is taken and reported on, but no answer ever comes.
    Hang,
    /// This answer instead of a 201.
    Status {
        /// The HTTP status.
        status: u16,
        /// The provider's error code in the body.
        code: u32,
        /// Seconds for a `Retry-After` header.
        retry_after_s: Option<u64>,
        /// Whether the message is taken all the same, as a 500 may hide.
        taken: bool,
    },
    /// The message is taken, and a 201 answers with a body that is not JSON.
    Garbage,
}

impl Fault {
    /// Whether the message reaches the customer in spite of the fault.
    pub(super) fn takes_message(self) -> bool {
        match self {
            Self::DropAfterRequest | Self::Hang | Self::Garbage => true,
            Self::DropUntaken => false,
            Self::Status { taken, .. } => taken,
        }
    }
}

/// The faults that wait: per business number, and under `None` those for anyone.
#[derive(Debug, Default)]
pub(super) struct Faults {
    queues: BTreeMap<Option<String>, VecDeque<Fault>>,
}

impl Faults {
    pub(super) fn push(&mut self, sender: Option<String>, fault: Fault) {
        self.queues.entry(sender).or_default().push_back(fault);
    }

    /// The fault that this sender meets now, if any.
    pub(super) fn take(&mut self, sender: &str) -> Option<Fault> {
        let own = self.queues.get_mut(&Some(sender.to_owned())).and_then(VecDeque::pop_front);
        own.or_else(|| self.queues.get_mut(&None).and_then(VecDeque::pop_front))
    }
}

impl Faults {
    /// The fault that was ordered for this name and no other, if any.
    pub(super) fn take_own(&mut self, name: &str) -> Option<Fault> {
        self.queues.get_mut(&Some(name.to_owned())).and_then(VecDeque::pop_front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_own_faults_come_first_and_in_order() {
        let mut faults = Faults::default();
        faults.push(None, Fault::Garbage);
        faults.push(Some("+1".to_owned()), Fault::Hang);
        faults.push(Some("+1".to_owned()), Fault::DropUntaken);
        assert_eq!(faults.take("+1"), Some(Fault::Hang));
        assert_eq!(faults.take("+1"), Some(Fault::DropUntaken));
        assert_eq!(faults.take("+2"), Some(Fault::Garbage));
        assert_eq!(faults.take("+1"), None);
    }
}

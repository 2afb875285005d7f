//! What is generated: operations of messages on their way, from one seed.

/// A small generator of numbers: the same seed, the same run.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `from` to below `to`.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to - from).unwrap().max(1);
        from + i64::try_from(self.next() % span).unwrap()
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.between(0, i64::try_from(count.max(1)).unwrap())).unwrap()
    }

    /// Whether something happens that happens `in_thousand` times in a thousand.
    pub(super) fn happens(&mut self, in_thousand: i64) -> bool {
        self.between(0, 1000) < in_thousand
    }
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message is submitted.
    Reserve,
    /// Its provider is called next.
    Call,
    /// It certainly did not happen.
    Refund,
}

/// One operation of one message.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    pub(super) user: String,
    pub(super) holder: String,
    pub(super) limit: u32,
    /// By the clock of the instance that runs it.
    pub(super) now: i64,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Reserved,
    Called,
    /// An operation had no answer: it will be repeated, or the message is given up.
    Open(Kind),
    /// Refused, given back, or happened for good.
    Ended,
}

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) user: String,
    pub(super) holder: String,
    pub(super) stage: Stage,
    /// How many operations of it are under way.
    pub(super) busy: u32,
    /// Whether two instances ever worked on it at once.
    pub(super) twice: bool,
}

/// The next operation of a message, if it has one.
pub(super) fn next(stage: Stage, dice: &mut Dice) -> Option<Kind> {
    match stage {
        Stage::Reserved if dice.happens(550) => Some(Kind::Call),
        Stage::Reserved if dice.happens(400) => Some(Kind::Refund),
        // A redelivery of what was done already.
        Stage::Reserved if dice.happens(300) => Some(Kind::Reserve),
        Stage::Called if dice.happens(250) => Some(Kind::Refund),
        Stage::Called if dice.happens(100) => Some(Kind::Call),
        Stage::Open(Kind::Refund) => Some(Kind::Refund),
        Stage::Open(_) if dice.happens(300) => Some(Kind::Refund),
        Stage::Open(kind) => Some(kind),
        Stage::Reserved | Stage::Called | Stage::Ended => None,
    }
}

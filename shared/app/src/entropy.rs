//! Randomness, handed in: below `boot` nothing draws its own.

use data_encoding::BASE32_NOPAD;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use transom_core::id::MessageTail;

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// A source of random bytes.
#[derive(Clone)]
pub struct Entropy {
    fill: Arc<Fill>,
    sequence: Arc<AtomicU32>,
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy")
    }
}

impl Entropy {
    /// A source that `fill` feeds; it must be fit for keys.
    #[must_use]
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self { fill: Arc::new(fill), sequence: Arc::new(AtomicU32::new(0)) }
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.fill)(&mut bytes);
        bytes
    }

    /// `chars` random characters of lower-case base 32 (5 bits each).
    #[must_use]
    pub fn text(&self, chars: usize) -> String {
        let mut bytes = vec![0; chars];
        (self.fill)(&mut bytes);
        BASE32_NOPAD.encode(&bytes).to_lowercase().chars().take(chars).collect()
    }

    /// A message's tail: a sequence number first, so that the messages that one process makes in
    /// one millisecond keep their order, then chance.
    ///
    /// # Panics
    /// Never: six hexadecimal digits and six characters of base 32 are a tail.
    #[must_use]
    pub fn tail(&self) -> MessageTail {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) & 0x00ff_ffff;
        let text = format!("{sequence:06x}{}", self.text(6));
        #[expect(clippy::expect_used, reason = "the form is fixed one line above")]
        MessageTail::parse(&text).expect("twelve lower-case characters")
    }
}

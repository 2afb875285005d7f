//! Bytes on their way from an answer into object storage: counted, hashed, never all in memory
//! where their number is told before.

use super::fetch::{Missed, fits};
use crate::objects::{Kept, Objects};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha256};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use transom_core::time::Timestamp;

/// How many bytes at least are looked at to tell a type, where there are so many.
const HEAD_BYTES: usize = 64 * 1024;
/// The largest file that is taken from a server that does not tell its size: it is held in memory,
/// because object storage wants the size first.
const UNTOLD_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How many pieces wait between reading and writing.
const PIECES: usize = 4;

const BROKE_OFF: &str = "its bytes broke off";

/// A file that is being read.
pub(super) struct Transfer {
    response: reqwest::Response,
    head: Vec<u8>,
    bytes: u64,
    is_whole: bool,
}

/// A file that was written.
pub(super) struct Transferred {
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
}

impl Transfer {
    /// Reads the first bytes; all of them when their number is not told.
    pub(super) async fn begin(
        mut response: reqwest::Response,
        told: Option<u64>,
    ) -> Result<Self, Missed> {
        let mut head = Vec::new();
        let mut is_whole = false;
        while !is_whole && (told.is_none() || head.len() < HEAD_BYTES) {
            match response.chunk().await {
                Ok(Some(chunk)) => head.extend_from_slice(&chunk),
                Ok(None) => is_whole = true,
                Err(_) => return Err(Missed::passing(BROKE_OFF)),
            }
            if told.is_none() && head.len() as u64 > UNTOLD_BYTES_MAX {
                return Err(Missed::lasting(format!(
                    "it has more than {UNTOLD_BYTES_MAX} bytes, and its server does not tell how many"
                )));
            }
        }
        let bytes = told.unwrap_or(head.len() as u64);
        if is_whole && bytes != head.len() as u64 {
            return Err(Missed::passing(BROKE_OFF));
        }
        Ok(Self { response, head, bytes, is_whole })
    }

    /// The first bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Reads the rest and writes everything, at once.
    pub(super) async fn into_objects(
        self,
        objects: &Objects,
        key: &str,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<Transferred, Missed> {
        let Self { response, head, bytes, is_whole } = self;
        let (pieces, body) = Pieces::of(bytes);
        let write = objects.put(key, kept, bytes, reqwest::Body::wrap(body), now);
        let (read, written) = tokio::join!(pump(response, head, is_whole, pieces), write);
        let (count, sha256) = read?;
        written.map_err(|error| Missed::passing(error.to_string()))?;
        if count != bytes {
            return Err(Missed::passing(BROKE_OFF));
        }
        Ok(Transferred { bytes, sha256 })
    }
}

async fn pump(
    mut response: reqwest::Response,
    head: Vec<u8>,
    is_whole: bool,
    pieces: mpsc::Sender<Bytes>,
) -> Result<(u64, [u8; 32]), Missed> {
    let mut hash = Sha256::new();
    let mut count: u64 = 0;
    let mut next = Some(Bytes::from(head));
    while let Some(piece) = next {
        hash.update(&piece);
        count = count.saturating_add(piece.len() as u64);
        fits(count)?;
        if pieces.send(piece).await.is_err() {
            // The writer has given up, and says why.
            break;
        }
        next = match is_whole {
            true => None,
            false => response.chunk().await.map_err(|_| Missed::passing(BROKE_OFF))?,
        };
    }
    Ok((count, hash.finalize().into()))
}

/// A body of a told size, fed piece by piece. One that ends early breaks its request.
struct Pieces {
    left: u64,
    pieces: mpsc::Receiver<Bytes>,
}

impl Pieces {
    fn of(bytes: u64) -> (mpsc::Sender<Bytes>, Self) {
        let (sender, pieces) = mpsc::channel(PIECES);
        (sender, Self { left: bytes, pieces })
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.pieces.poll_recv(context).map(|piece| {
            let piece = piece?;
            self.left = self.left.saturating_sub(piece.len() as u64);
            Some(Ok(Frame::data(piece)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

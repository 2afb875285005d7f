//! Cursors: opaque to callers, and free of anything personal.

use crate::Problem;
use data_encoding::BASE64URL_NOPAD;
use transom_core::id::ConversationId;
use transom_core::time::Timestamp;
use transom_store::InboxCursor;

/// The longest cursor that is read, in characters; longer ones are none of ours.
const CURSOR_CHARS_MAX: usize = 512;

pub(crate) fn write(text: &str) -> String {
    BASE64URL_NOPAD.encode(text.as_bytes())
}

pub(crate) fn read(text: &str) -> Result<String, Problem> {
    if text.len() > CURSOR_CHARS_MAX {
        return Err(foreign());
    }
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| foreign())?;
    String::from_utf8(bytes).map_err(|_| foreign())
}

pub(super) fn foreign() -> Problem {
    Problem::invalid(
        "`cursor` is not one that this list handed out; give the `next_cursor` of the page before",
    )
}

pub(super) fn write_inbox(cursor: &InboxCursor) -> String {
    write(&format!("{}.{}", cursor.at.as_millis(), cursor.conversation.hash()))
}

pub(super) fn read_inbox(text: &str) -> Result<InboxCursor, Problem> {
    let text = read(text)?;
    let (at, hash) = text.split_once('.').ok_or_else(foreign)?;
    let at = at.parse().map(Timestamp::from_millis).map_err(|_| foreign())?;
    let conversation = ConversationId::parse(&format!("cnv_{hash}")).map_err(|_| foreign())?;
    Ok(InboxCursor { at, conversation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_another_is_refused() {
        let cursor = InboxCursor {
            at: Timestamp::from_millis(1_763_632_800_123),
            conversation: ConversationId::parse("cnv_abcdefghijklmnopqrstuvw2")
                .expect("a conversation"),
        };
        assert_eq!(read_inbox(&write_inbox(&cursor)), Ok(cursor));
        for text in ["", "x", "é", "bm9uc2Vuc2U", &"a".repeat(600)] {
            assert!(read_inbox(text).is_err(), "{text}");
        }
    }
}

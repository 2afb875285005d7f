//! Which pictures of a thread are shown as one album (M44).

use crate::content::{Content, ContentKind};
use crate::message::Direction;

/// The fewest pictures that WhatsApp shows as an album.
pub const ALBUM_MIN: usize = 4;

/// What decides about one message of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Who wrote it; in a group every participant is somebody else.
    pub author: Author,
    /// Whether it is a picture, and without a caption.
    pub plain_picture: bool,
    /// The day on which it is shown, counted from any beginning: a new one has a date header.
    pub day: i64,
    /// Whether the reader has seen it: between the last seen and the first unseen message
    /// stands the unread divider.
    pub seen: bool,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The business.
    Business,
    /// The customer.
    Customer,
    /// Another participant of a group.
    Participant(u32),
}

impl Shown {
    /// What decides about a message of a conversation.
    #[must_use]
    pub fn of(direction: Direction, content: &Content, day: i64, seen: bool) -> Self {
        let author = match direction {
            Direction::In => Author::Customer,
            Direction::Out => Author::Business,
        };
        let captioned = content.media().is_some_and(|media| media.caption().is_some());
        let plain_picture = content.kind() == ContentKind::Image && !captioned;
        Self { author, plain_picture, day, seen }
    }
}

/// The albums among messages in their order: ranges of neighbours. An album is not created
/// across a caption, the unread divider, a message of anybody else, or a new day's header.
#[must_use]
pub fn albums(messages: &[Shown]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut begun = 0;
    for end in 1..=messages.len() {
        let goes_on = messages
            .get(end.saturating_sub(1))
            .zip(messages.get(end))
            .is_some_and(|(before, next)| belong_together(before, next));
        if goes_on {
            continue;
        }
        let pictures = messages.get(begun).is_some_and(|first| first.plain_picture);
        if pictures && end.saturating_sub(begun) >= ALBUM_MIN {
            found.push(begun..end);
        }
        begun = end;
    }
    found
}

fn belong_together(before: &Shown, next: &Shown) -> bool {
    before.plain_picture
        && next.plain_picture
        && before.author == next.author
        && before.day == next.day
        && before.seen == next.seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Media;

    const PICTURE: Shown =
        Shown { author: Author::Customer, plain_picture: true, day: 0, seen: true };

    fn found(messages: &[Shown]) -> Vec<(usize, usize)> {
        albums(messages).into_iter().map(|album| (album.start, album.end)).collect()
    }

    #[test]
    fn m44_neighbouring_pictures_are_an_album_from_four_on() {
        assert_eq!(found(&[PICTURE; 3]), []);
        assert_eq!(found(&[PICTURE; 4]), [(0, 4)]);
        assert_eq!(found(&[PICTURE; 5]), [(0, 5)]);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn m44_each_of_the_four_cases_breaks_an_album() {
        let captioned = Shown { plain_picture: false, ..PICTURE };
        let unseen = Shown { seen: false, ..PICTURE };
        let other = Shown { author: Author::Participant(1), plain_picture: false, ..PICTURE };
        let tomorrow = Shown { day: 1, ..PICTURE };
        let p = PICTURE;
        // A caption, and a message of the user or of another participant, stand between.
        for between in [captioned, other] {
            assert_eq!(found(&[p, p, between, p, p]), []);
            assert_eq!(found(&[p, p, p, p, between, p]), [(0, 4)]);
        }
        // The divider and the date header stand before the first that differs.
        for later in [unseen, tomorrow] {
            assert_eq!(found(&[p, p, later, later]), []);
            assert_eq!(found(&[p, p, p, p, later, later, later, later]), [(0, 4), (4, 8)]);
        }
        // Pictures of another author are an album of their own.
        let ours = Shown { author: Author::Business, ..PICTURE };
        assert_eq!(found(&[p, p, p, p, ours, ours, ours, ours]), [(0, 4), (4, 8)]);
    }

    #[test]
    fn m44_what_decides_is_read_from_the_message() {
        let of = |content: &Content| Shown::of(Direction::In, content, 7, true).plain_picture;
        let plain = Media::default();
        let captioned = Media { caption: Some("leaf".into()), ..Media::default() };
        assert!(of(&Content::Image(plain.clone())));
        assert!(!of(&Content::Image(captioned)));
        assert!(!of(&Content::Video(plain)));
    }
}

use super::*;

const MINUTE: i64 = 60_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[test]
fn f7_a_file_is_tried_until_its_provider_gives_it_up() {
    let kept_until = at(KEPT_FOR.get());
    let mut now = at(0);
    let mut waits = Vec::new();
    let mut states = Vec::new();
    for tries in 1.. {
        let after = after_failure(Trouble::Passing, tries, kept_until, now);
        states.push(after.state);
        let Some(next) = after.next else { break };
        waits.push(next.since(now).get() / MINUTE);
        now = next;
    }
    assert_eq!(waits[..11], [1, 2, 4, 8, 16, 32, 64, 128, 256, 480, 480]);
    assert_eq!(now, kept_until, "the last try is made when it has come");
    assert_eq!(
        states[..6],
        [
            MediaState::Pending,
            MediaState::Pending,
            MediaState::Pending,
            MediaState::Pending,
            MediaState::Failed,
            MediaState::Failed
        ]
    );
    assert_eq!(states.last(), Some(&MediaState::Expired));
    assert!(waits.len() < 40, "{} tries in a week", waits.len());
}

#[test]
fn f7_the_providers_own_end_counts_to_the_millisecond() {
    let after = |now| after_failure(Trouble::Passing, 1, at(1000), at(now));
    assert_eq!(after(999).next, Some(at(1000)));
    for now in [1000, 1001] {
        let over = AfterFailure { state: MediaState::Expired, next: None };
        assert_eq!(after(now), over, "{now}");
    }
    let final_one = after_failure(Trouble::Final, 1, at(1000), at(0));
    assert_eq!(final_one, AfterFailure { state: MediaState::Failed, next: None });
}

#[test]
fn f7_nobody_tries_for_ever() {
    let week = at(KEPT_FOR.get());
    let month = at(KEPT_FOR_MAX.get());
    for (told, until) in [
        (None, week),
        (Some(at(-5)), at(-5)),
        (Some(at(5)), at(5)),
        (Some(month.minus(Millis::new(1))), month.minus(Millis::new(1))),
        (Some(month), month),
        (Some(month.plus(Millis::new(1))), month),
        (Some(at(i64::MAX)), month),
    ] {
        assert_eq!(super::kept_until(told, at(0)), until, "{told:?}");
    }
}

#[test]
fn m42_what_the_bytes_say_comes_before_what_was_declared() {
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    for (found, declared, kept) in [
        (Some("audio/ogg"), Some("application/octet-stream"), "audio/ogg"),
        (Some("image/jpeg"), Some("text/html"), "image/jpeg"),
        (Some("audio/ogg"), Some("audio/ogg; codecs=opus"), "audio/ogg; codecs=opus"),
        (Some("application/zip"), Some(docx), docx),
        (Some("application/zip"), Some("image/png"), "application/zip"),
        (Some("video/mp4"), Some("audio/mp4"), "audio/mp4"),
        (Some("text/html"), Some("image/png"), "application/octet-stream"),
        (Some("text/xml"), None, "application/octet-stream"),
        (None, Some("text/vcard"), "text/vcard"),
        (None, Some("text/plain; charset=utf-8"), "text/plain"),
        (None, Some("text/html"), "application/octet-stream"),
        (None, Some("image/svg+xml"), "application/octet-stream"),
        (None, Some("image/png"), "application/octet-stream"),
        (None, Some("a\r\nb"), "application/octet-stream"),
        (None, None, "application/octet-stream"),
    ] {
        assert_eq!(kept_type(found, declared), kept, "{found:?} {declared:?}");
    }
}

#[test]
fn only_what_runs_nothing_is_shown_in_a_browser() {
    for shown in ["image/png", "audio/ogg; codecs=opus", "video/mp4"] {
        assert!(is_shown_inline(shown), "{shown}");
    }
    for saved in ["application/pdf", "text/plain", "image/svg+xml", "application/octet-stream"] {
        assert!(!is_shown_inline(saved), "{saved}");
    }
}

#[test]
fn a_sticker_that_moves_is_known_by_its_flags() {
    let webp = |form: &[u8; 4], flags: u8| {
        let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
        bytes.extend_from_slice(form);
        bytes.extend_from_slice(&[10, 0, 0, 0, flags]);
        bytes
    };
    assert_eq!(is_animated_webp(&webp(b"VP8X", 0b10)), Some(true));
    assert_eq!(is_animated_webp(&webp(b"VP8X", 0b1_0000)), Some(false));
    assert_eq!(is_animated_webp(&webp(b"VP8 ", 0b10)), Some(false));
    assert_eq!(is_animated_webp(b"\x89PNG\r\n\x1a\n"), None);
    assert_eq!(is_animated_webp(b"RIFF"), None);
}

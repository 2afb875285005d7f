//! Every row of the media tables, at its edges.

use super::*;
use crate::account::Provider;
use crate::profile::{Profile, ProfileChanges};

fn media(content_type: &str, bytes: u64) -> Media {
    Media {
        url: Some("https://example.com/file".into()),
        content_type: Some(content_type.into()),
        bytes: Some(bytes),
        ..Media::default()
    }
}

/// The codes with which a provider refuses a file.
fn codes(provider: Provider, kind: MediaKind, media: Media) -> Vec<Code> {
    codes_of(&Profile::of(provider), kind, media)
}

fn codes_of(profile: &Profile, kind: MediaKind, media: Media) -> Vec<Code> {
    let misfit = profile.misfit(&kind.content(media));
    misfit.into_iter().map(|(code, _)| code).collect()
}

/// Sizes at −1, 0 and +1, for every type of the row.
fn check_row(provider: Provider, kind: MediaKind, types: &[&str], max: u64) {
    for content_type in types {
        for bytes in [max - 1, max] {
            assert_eq!(codes(provider, kind, media(content_type, bytes)), [], "{content_type}");
        }
        let found = codes(provider, kind, media(content_type, max + 1));
        assert_eq!(found, [Code::MediaTooLarge], "{provider:?} {content_type}");
    }
}

/// Sizes of stickers at −1, 0 and +1: one that moves may have 500 KB, a still one 100 KB.
fn check_stickers(profile: &Profile) {
    for (animated, max) in [(None, 500 * KB), (Some(true), 500 * KB), (Some(false), 100 * KB)] {
        for (bytes, fits) in [(max - 1, true), (max, true), (max + 1, false)] {
            let found = codes_of(
                profile,
                MediaKind::Sticker,
                Media { animated, ..media("image/webp", bytes) },
            );
            let expected = if fits { vec![] } else { vec![Code::MediaTooLarge] };
            assert_eq!(found, expected, "{} {animated:?} {bytes}", profile.name);
        }
    }
}

fn check_refused(provider: Provider, kind: MediaKind, types: &[&str]) {
    for content_type in types {
        let found = codes(provider, kind, media(content_type, 1000));
        assert_eq!(found, [Code::MediaType], "{provider:?} {kind:?} {content_type}");
    }
}

#[test]
fn m32_d7_twilios_images_and_stickers() {
    let types = ["image/jpeg", "image/jpg", "image/png", "IMAGE/PNG"];
    check_row(Provider::Twilio, MediaKind::Image, &types, 5 * MB);
    check_row(Provider::Twilio, MediaKind::Sticker, &["image/webp"], 5 * MB);
    check_refused(Provider::Twilio, MediaKind::Image, &["image/webp", "image/gif", "", "png"]);
    check_refused(Provider::Twilio, MediaKind::Sticker, &["image/png"]);
}

#[test]
fn m33_twilios_audio() {
    let types = [
        "audio/ogg",
        "audio/ogg; codecs=opus",
        "audio/ogg;codecs=\"opus\"",
        "audio/amr",
        "audio/3gpp",
        "audio/aac",
        "audio/mpeg",
    ];
    check_row(Provider::Twilio, MediaKind::Audio, &types, 16 * MB);
    let refused = ["audio/ogg; codecs=vorbis", "audio/ogg; codecs=\"opus, vorbis\"", "audio/wav"];
    check_refused(Provider::Twilio, MediaKind::Audio, &refused);
}

#[test]
fn m34_twilios_video() {
    let types = ["video/mp4", "video/mp4; codecs=\"avc1.42E01E, mp4a.40.2\""];
    check_row(Provider::Twilio, MediaKind::Video, &types, 16 * MB);
    let refused = ["video/mp4; codecs=hvc1.1.6.L93", "video/mp4; codecs=\"hev1\"", "video/3gpp"];
    check_refused(Provider::Twilio, MediaKind::Video, &refused);
}

#[test]
fn m35_twilios_documents_have_neither_caption_nor_name() {
    let types = [
        "application/pdf",
        "application/msword",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ];
    check_row(Provider::Twilio, MediaKind::Document, &types, 16 * MB);
    check_refused(Provider::Twilio, MediaKind::Document, &["text/plain", "application/zip"]);
    let file = media("application/pdf", 10);
    let captioned = Media { caption: Some("bill".into()), ..file.clone() };
    let named = Media { filename: Some("a.pdf".into()), ..file };
    let of = |m| codes(Provider::Twilio, MediaKind::Document, m);
    assert_eq!(of(captioned), [Code::CaptionUnsupported]);
    assert_eq!(of(named), [Code::FilenameUnsupported]);
}

#[test]
fn m36_gupshups_documents_by_exact_type() {
    let types = [
        "text/csv",
        "text/comma-separated-values",
        "text/plain",
        "application/csv",
        "application/vnd.ms-excel",
        "application/pdf",
    ];
    check_row(Provider::Gupshup, MediaKind::Document, &types, 100 * MB);
    check_refused(Provider::Gupshup, MediaKind::Document, &["application/msword", "text/html"]);
}

#[test]
fn m37_m38_m39_gupshups_images_audio_and_video_by_exact_type() {
    let images = ["image/png", "image/jpeg", "image/jpg", "image/gif"];
    check_row(Provider::Gupshup, MediaKind::Image, &images, 5 * MB);
    check_refused(Provider::Gupshup, MediaKind::Image, &["image/webp"]);
    check_row(Provider::Gupshup, MediaKind::Audio, &["audio/mpeg3", "audio/x-mpeg-3"], 16 * MB);
    check_refused(Provider::Gupshup, MediaKind::Audio, &["audio/mpeg", "audio/ogg"]);
    let videos = ["video/mpeg", "video/quicktime", "video/mp4", "video/x-mpeg"];
    check_row(Provider::Gupshup, MediaKind::Video, &videos, 16 * MB);
    check_refused(Provider::Gupshup, MediaKind::Video, &["video/3gpp"]);
}

#[test]
fn m43_gupshup_takes_no_captions_and_says_so() {
    for kind in [MediaKind::Image, MediaKind::Video, MediaKind::Document] {
        let content_type = match kind {
            MediaKind::Image => "image/png",
            MediaKind::Video => "video/mp4",
            MediaKind::Audio | MediaKind::Document | MediaKind::Sticker => "text/csv",
        };
        let captioned = Media { caption: Some("leaf".into()), ..media(content_type, 10) };
        let misfit = Profile::of(Provider::Gupshup).misfit(&kind.content(captioned));
        let [(Code::CaptionUnsupported, detail)] = misfit.as_slice() else {
            panic!("{kind:?}: {misfit:?}")
        };
        assert!(detail.contains("gupshup"), "refusing names the profile (D4): {detail}");
    }
    let empty = Media { caption: Some(String::new()), ..media("image/png", 10) };
    assert_eq!(codes(Provider::Gupshup, MediaKind::Image, empty), []);
}

#[test]
fn d6_metas_table() {
    let meta = Provider::Meta;
    check_row(meta, MediaKind::Image, &["image/jpeg", "image/png"], 5 * MB);
    let audio = ["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg; codecs=opus"];
    check_row(meta, MediaKind::Audio, &audio, 16 * MB);
    check_refused(meta, MediaKind::Audio, &["audio/ogg; codecs=vorbis", "audio/x-mpeg-3"]);
    check_row(meta, MediaKind::Video, &["video/mp4", "video/3gpp"], 16 * MB);
    check_row(meta, MediaKind::Document, &["text/plain", "application/pdf"], 100 * MB);
    check_stickers(&Profile::of(meta));
}

#[test]
fn d6_d7_gupshups_stickers_where_an_account_sends_them() {
    let own = Profile::of(Provider::Gupshup);
    let found = codes_of(&own, MediaKind::Sticker, media("image/webp", 10));
    assert_eq!(found, [Code::ContentUnsupported], "unless an account changes its profile");
    let mut sends = own.sends.clone();
    sends.insert(ContentKind::Sticker);
    let changes = ProfileChanges { sends: Some(sends), ..ProfileChanges::default() };
    let changed = own.changed(&changes);
    check_stickers(&changed);
    let found = codes_of(&changed, MediaKind::Sticker, media("image/png", 10));
    assert_eq!(found, [Code::MediaType]);
}

#[test]
fn d5_captions_are_counted_to_1024() {
    for (provider, kind, content_type) in [
        (Provider::Twilio, MediaKind::Image, "image/png"),
        (Provider::Twilio, MediaKind::Video, "video/mp4"),
        (Provider::Meta, MediaKind::Image, "image/png"),
        (Provider::Meta, MediaKind::Video, "video/mp4"),
        (Provider::Meta, MediaKind::Document, "application/pdf"),
    ] {
        // The larger count is taken: an emoji is two UTF-16 units.
        for (caption, fits) in [
            ("é".repeat(1023), true),
            ("é".repeat(1024), true),
            ("é".repeat(1025), false),
            ("👋".repeat(511) + "a", true),
            ("👋".repeat(512), true),
            ("👋".repeat(512) + "a", false),
        ] {
            let length = caption.len();
            let file = Media { caption: Some(caption), ..media(content_type, 10) };
            let expected = if fits { vec![] } else { vec![Code::TextTooLong] };
            assert_eq!(codes(provider, kind, file), expected, "{provider:?} {kind:?} {length}");
        }
    }
}

#[test]
fn a_type_that_nobody_tells_cannot_be_checked() {
    let unknown = Media { content_type: None, ..media("x", 10) };
    assert_eq!(codes(Provider::Meta, MediaKind::Image, unknown), [Code::MediaType]);
    for text in ["image/png", "audio/ogg; codecs=opus", "application/vnd.ms-excel"] {
        assert!(MediaType::is_well_formed(text), "{text}");
    }
    for text in ["", "image", "image/", "/png", "image/p ng", "image/png\r\nx: y", "é/é"] {
        assert!(!MediaType::is_well_formed(text), "{text:?}");
    }
}

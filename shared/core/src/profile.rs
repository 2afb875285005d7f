//! What a provider takes, as data: one profile for each, which an account may change (D3-D6).

use crate::account::Provider;
use crate::code::Code;
use crate::content::{Content, ContentKind};
use crate::formatting::Formatting;
use crate::identity::Phone;
use crate::interactive::Composing;
use crate::media::{KB, MB, MediaKind, MediaRule, MediaType};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The longest text that an account's own profile may allow: what is stored with a message.
const TEXT_MAX_MAX: usize = 65_536;
/// The largest file that an account's own profile may allow: what the media function fetches.
const FILE_BYTES_MAX: u64 = 100 * MB;
/// The most types of one kind that an account's own profile may name.
const TYPES_MAX: usize = 64;

/// How a provider counts the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextUnit {
    /// UTF-16 code units, as Twilio counts: an emoji outside the basic plane is two.
    Utf16,
    /// Unicode code points.
    CodePoints,
}

/// The rules of one provider for what is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The provider's name, for refusals (D4).
    pub name: &'static str,
    /// The longest text (M28, M29).
    pub text_max: usize,
    /// What `text_max` counts (M48).
    pub text_unit: TextUnit,
    /// The longest caption, in characters (D5).
    pub caption_max: usize,
    /// What of a text's formatting the customer sees (M45, M46).
    pub formatting: Formatting,
    /// Whether a preview of a text's first link is asked for, where the provider can be asked
    /// (M40).
    pub link_preview: bool,
    /// What a sender's own number must begin with, such as `+91`; empty: any country's (M106).
    pub sender_prefixes: BTreeSet<String>,
    /// The kinds that are sent (M31).
    pub sends: BTreeSet<ContentKind>,
    /// What is taken as each kind of file.
    pub media: BTreeMap<MediaKind, MediaRule>,
    /// Whether a template's header may be a file (D3).
    pub template_media: bool,
    /// The most contact cards of one message.
    pub contacts_max: usize,
    /// How buttons and lists are taken.
    pub composing: Composing,
    /// Whether the message that is answered can be quoted to the customer.
    pub reply_context: bool,
    /// Whether a business-scoped user id may be written to.
    pub sends_to_user_id: bool,
    /// Messages a second unless the sender says otherwise (M24).
    pub rate_per_second: u32,
}

/// The kinds of a table, from its rows.
fn kinds(of: &[ContentKind]) -> BTreeSet<ContentKind> {
    of.iter().copied().collect()
}

fn rule(types: &[&str], max_bytes: u64) -> MediaRule {
    MediaRule {
        types: types.iter().map(|t| (*t).to_owned()).collect(),
        max_bytes,
        still_max_bytes: None,
        caption: false,
        filename: false,
    }
}

fn with_caption(rule: MediaRule) -> MediaRule {
    MediaRule { caption: true, ..rule }
}

const WORD: &str = "application/msword";
const WORD_X: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const SLIDES_X: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const SHEET_X: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The longest beginning of a number that a profile may ask for, in digits: a calling code and an
/// area code.
const PREFIX_DIGITS_MAX: usize = 7;

impl Profile {
    /// The profile of a provider, unchanged.
    #[must_use]
    pub fn of(provider: Provider) -> Self {
        match provider {
            Provider::Twilio => Self::twilio(),
            Provider::Gupshup => Self::gupshup(),
            Provider::Meta => Self::meta(),
        }
    }

    /// Twilio, from 001: six kinds and stickers (M31, M32, D7), 1600 characters (M28).
    fn twilio() -> Self {
        let audio =
            ["audio/ogg; codecs=opus", "audio/amr", "audio/3gpp", "audio/aac", "audio/mpeg"];
        Self {
            name: "twilio",
            text_max: 1600,
            text_unit: TextUnit::Utf16,
            caption_max: 1024,
            formatting: Formatting::Full,
            link_preview: false,
            sender_prefixes: BTreeSet::new(),
            sends: kinds(&[
                ContentKind::Text,
                ContentKind::Image,
                ContentKind::Video,
                ContentKind::Audio,
                ContentKind::Document,
                ContentKind::Sticker,
                ContentKind::Interactive,
                ContentKind::Template,
            ]),
            media: BTreeMap::from([
                (
                    MediaKind::Image,
                    with_caption(rule(&["image/jpeg", "image/jpg", "image/png"], 5 * MB)),
                ),
                (MediaKind::Audio, rule(&audio, 16 * MB)),
                (
                    MediaKind::Video,
                    // H.264 with AAC.
                    with_caption(rule(&["video/mp4; codecs=\"avc1, avc3, mp4a\""], 16 * MB)),
                ),
                (
                    MediaKind::Document,
                    rule(&["application/pdf", WORD, WORD_X, SLIDES_X, SHEET_X], 16 * MB),
                ),
                (MediaKind::Sticker, rule(&["image/webp"], 5 * MB)),
            ]),
            template_media: true,
            contacts_max: 1,
            composing: Composing::Beforehand,
            reply_context: false,
            sends_to_user_id: true,
            rate_per_second: 80,
        }
    }

    /// Gupshup, from 002: exact types (M36-M39), no captions (M43), 20 a second (M24). Sizes are
    /// the provider's own (providers 2.7), because 002 names none.
    fn gupshup() -> Self {
        let documents = [
            "text/csv",
            "text/comma-separated-values",
            "text/plain",
            "application/csv",
            "application/vnd.ms-excel",
            "application/pdf",
        ];
        let videos = ["video/mpeg", "video/quicktime", "video/mp4", "video/x-mpeg"];
        let images = ["image/png", "image/jpeg", "image/jpg", "image/gif"];
        Self {
            name: "gupshup",
            text_max: 4096,
            text_unit: TextUnit::CodePoints,
            caption_max: 1024,
            formatting: Formatting::Full,
            link_preview: false,
            sender_prefixes: BTreeSet::new(),
            sends: kinds(&[
                ContentKind::Text,
                ContentKind::Image,
                ContentKind::Video,
                ContentKind::Audio,
                ContentKind::Document,
                ContentKind::Interactive,
                ContentKind::Template,
            ]),
            media: BTreeMap::from([
                (MediaKind::Image, rule(&images, 5 * MB)),
                (MediaKind::Audio, rule(&["audio/mpeg3", "audio/x-mpeg-3"], 16 * MB)),
                (MediaKind::Video, rule(&videos, 16 * MB)),
                (MediaKind::Document, MediaRule { filename: true, ..rule(&documents, 100 * MB) }),
                (
                    MediaKind::Sticker,
                    MediaRule {
                        still_max_bytes: Some(100 * KB),
                        ..rule(&["image/webp"], 500 * KB)
                    },
                ),
            ]),
            template_media: true,
            contacts_max: 1,
            composing: Composing::InTheMessage,
            reply_context: false,
            sends_to_user_id: false,
            rate_per_second: 20,
        }
    }

    /// Meta Cloud API, from its own facts (providers 3.5): every kind, 4096 characters (M29).
    fn meta() -> Self {
        let audio = ["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg; codecs=opus"];
        let videos = ["video/mp4; codecs=\"avc1, avc3, mp4a\"", "video/3gpp"];
        let documents = [
            "text/plain",
            "application/pdf",
            WORD,
            WORD_X,
            "application/vnd.ms-excel",
            SHEET_X,
            "application/vnd.ms-powerpoint",
            SLIDES_X,
        ];
        Self {
            name: "meta",
            text_max: 4096,
            text_unit: TextUnit::CodePoints,
            caption_max: 1024,
            formatting: Formatting::Full,
            link_preview: false,
            sender_prefixes: BTreeSet::new(),
            sends: kinds(&[
                ContentKind::Text,
                ContentKind::Image,
                ContentKind::Video,
                ContentKind::Audio,
                ContentKind::Document,
                ContentKind::Sticker,
                ContentKind::Location,
                ContentKind::Contacts,
                ContentKind::Interactive,
                ContentKind::Template,
            ]),
            media: BTreeMap::from([
                (MediaKind::Image, with_caption(rule(&["image/jpeg", "image/png"], 5 * MB))),
                (MediaKind::Audio, rule(&audio, 16 * MB)),
                (MediaKind::Video, with_caption(rule(&videos, 16 * MB))),
                (
                    MediaKind::Document,
                    with_caption(MediaRule { filename: true, ..rule(&documents, 100 * MB) }),
                ),
                (
                    MediaKind::Sticker,
                    MediaRule {
                        still_max_bytes: Some(100 * KB),
                        ..rule(&["image/webp"], 500 * KB)
                    },
                ),
            ]),
            template_media: true,
            contacts_max: 257,
            composing: Composing::InTheMessage,
            reply_context: true,
            sends_to_user_id: true,
            rate_per_second: 80,
        }
    }

    /// Why a number cannot be a sender's own, if it cannot (M106).
    #[must_use]
    pub fn sender_misfit(&self, number: &Phone) -> Option<String> {
        let fits = self.sender_prefixes.is_empty()
            || self.sender_prefixes.iter().any(|prefix| number.as_str().starts_with(prefix));
        (!fits).then(|| {
            let prefixes: Vec<&str> = self.sender_prefixes.iter().map(String::as_str).collect();
            format!("must begin with {}: the account's `profile` says so", prefixes.join(" or "))
        })
    }

    /// The same, as far as the provider's sandbox goes: texts, and templates without a file (M84).
    #[must_use]
    pub fn of_a_sandbox(self) -> Self {
        Self {
            name: "the sandbox",
            sends: kinds(&[ContentKind::Text, ContentKind::Template]),
            template_media: false,
            ..self
        }
    }

    /// The length of `text` in this provider's unit.
    #[must_use]
    pub fn text_length(&self, text: &str) -> usize {
        match self.text_unit {
            TextUnit::Utf16 => text.encode_utf16().count(),
            TextUnit::CodePoints => text.chars().count(),
        }
    }

    /// Whether `content` is of a kind that is sent through this provider.
    #[must_use]
    pub fn can_send(&self, content: &Content) -> bool {
        self.sends.contains(&content.kind())
    }

    /// What of `content` this provider does not take, the words naming it (D4); empty when it
    /// takes all of it.
    #[must_use]
    pub fn misfit(&self, content: &Content) -> Vec<(Code, String)> {
        let name = self.name;
        if let Content::Unsupported { kind, .. } = content {
            return vec![(Code::ContentUnsupported, format!("{name} sends no `{kind}`"))];
        }
        if !self.can_send(content) {
            let kind = content.kind().as_str();
            return vec![(Code::ContentUnsupported, format!("{name} sends no `{kind}`"))];
        }
        if let (Some(kind), Some(media)) = (content.media_kind(), content.media()) {
            if content.template().is_some() && !self.template_media {
                let detail = format!("{name} takes no file in a template's header");
                return vec![(Code::ContentUnsupported, detail)];
            }
            let Some(rule) = self.media.get(&kind) else {
                let detail = format!("{name} takes no {}", kind.as_str());
                return vec![(Code::ContentUnsupported, detail)];
            };
            return rule.misfit(name, kind, media, self.caption_max);
        }
        match content {
            Content::Text { text } => self.text_misfit(text).into_iter().collect(),
            Content::Interactive(composed) => {
                composed.check(name, self.composing).err().into_iter().collect()
            }
            Content::Contacts { contacts, .. } if contacts.len() > self.contacts_max => {
                let (count, max) = (contacts.len(), self.contacts_max);
                let detail = format!("{count} contact cards; {name} sends at most {max} at once");
                vec![(Code::ContentUnsupported, detail)]
            }
            Content::Image(_)
            | Content::Video(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Sticker(_)
            | Content::Location { .. }
            | Content::Contacts { .. }
            | Content::Button { .. }
            | Content::List { .. }
            | Content::Reaction { .. }
            | Content::Edit { .. }
            | Content::Deletion
            | Content::Template(_)
            | Content::Unsupported { .. } => Vec::new(),
        }
    }

    fn text_misfit(&self, text: &str) -> Option<(Code, String)> {
        if text.trim().is_empty() {
            return Some((Code::TextEmpty, Code::TextEmpty.title().to_owned()));
        }
        let length = self.text_length(text);
        (length > self.text_max).then(|| {
            let (name, max) = (self.name, self.text_max);
            let detail = format!(
                "the text has {length} characters as {name} counts them, at most {max} are allowed"
            );
            (Code::TextTooLong, detail)
        })
    }

    /// This profile with an account's changes.
    #[must_use]
    pub fn changed(self, changes: &ProfileChanges) -> Self {
        let own = self.name;
        let mut profile = changes.base.map_or(self, Self::of);
        // The name and what belongs to the wire stay the account's provider's own.
        let provider = match own {
            "gupshup" => Self::gupshup(),
            "meta" => Self::meta(),
            _ => Self::twilio(),
        };
        profile.name = own;
        profile.composing = provider.composing;
        profile.contacts_max = provider.contacts_max;
        profile.reply_context = provider.reply_context;
        profile.sends_to_user_id = provider.sends_to_user_id;
        profile.rate_per_second = provider.rate_per_second;
        profile.text_max = changes.text_max.unwrap_or(profile.text_max);
        profile.text_unit = changes.text_unit.unwrap_or(profile.text_unit);
        profile.caption_max = changes.caption_max.unwrap_or(profile.caption_max);
        profile.formatting = changes.formatting.unwrap_or(profile.formatting);
        profile.link_preview = changes.link_preview.unwrap_or(profile.link_preview);
        profile.template_media = changes.template_media.unwrap_or(profile.template_media);
        if let Some(prefixes) = &changes.sender_prefixes {
            profile.sender_prefixes.clone_from(prefixes);
        }
        if let Some(sends) = &changes.sends {
            profile.sends.clone_from(sends);
        }
        for (kind, change) in &changes.media {
            let Some(rule) = profile.media.get_mut(kind) else { continue };
            if let Some(types) = &change.types {
                rule.types.clone_from(types);
            }
            if let Some(max_bytes) = change.max_bytes {
                rule.max_bytes = max_bytes;
                rule.still_max_bytes = rule.still_max_bytes.map(|still| still.min(max_bytes));
            }
            rule.caption = change.caption.unwrap_or(rule.caption);
            rule.filename = change.filename.unwrap_or(rule.filename);
        }
        profile
    }
}

/// What an account changes of its provider's profile; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileChanges {
    /// Begin with the limits of another provider: `meta` has what WhatsApp itself takes today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Provider>,
    /// The longest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_max: Option<usize>,
    /// What it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_unit: Option<TextUnit>,
    /// The longest caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption_max: Option<usize>,
    /// What of a text's formatting the customer sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formatting: Option<Formatting>,
    /// Whether previews of links are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_preview: Option<bool>,
    /// What a sender's own number must begin with: some products take numbers of one country alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_prefixes: Option<BTreeSet<String>>,
    /// The kinds that are sent, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sends: Option<BTreeSet<ContentKind>>,
    /// Whether a template's header may be a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_media: Option<bool>,
    /// What is taken as a kind of file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub media: BTreeMap<MediaKind, MediaChanges>,
}

/// What an account changes of one kind of file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaChanges {
    /// The allowed types, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// The largest size, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Whether it may have a caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<bool>,
    /// Whether it may have a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<bool>,
}

impl ProfileChanges {
    /// Checks what a caller gives.
    ///
    /// # Errors
    /// The field, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        for (name, given) in [("text_max", self.text_max), ("caption_max", self.caption_max)] {
            if given.is_some_and(|max| !(1..=TEXT_MAX_MAX).contains(&max)) {
                return Err(format!("`{name}` must be 1 to {TEXT_MAX_MAX}"));
            }
        }
        let calling_code = |prefix: &str| {
            let digits = prefix.strip_prefix('+').unwrap_or_default();
            (1..=PREFIX_DIGITS_MAX).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit())
                && !digits.starts_with('0')
        };
        let prefixes = self.sender_prefixes.iter().flatten();
        if let Some(wrong) = prefixes.into_iter().find(|prefix| !calling_code(prefix)) {
            return Err(format!(
                "`sender_prefixes`: `{wrong}` is not the beginning of a number, such as `+91`"
            ));
        }
        let received_only = [
            ContentKind::Button,
            ContentKind::List,
            ContentKind::Reaction,
            ContentKind::Edit,
            ContentKind::Deletion,
            ContentKind::Unsupported,
        ];
        let sends = self.sends.iter().flatten();
        if let Some(kind) = sends.into_iter().find(|kind| received_only.contains(kind)) {
            return Err(format!("`sends`: `{}` cannot be sent", kind.as_str()));
        }
        for (kind, change) in &self.media {
            let kind = kind.as_str();
            if change.max_bytes.is_some_and(|max| !(1..=FILE_BYTES_MAX).contains(&max)) {
                return Err(format!("`media.{kind}.max_bytes` must be 1 to {FILE_BYTES_MAX}"));
            }
            let types = change.types.as_deref().unwrap_or_default();
            if types.len() > TYPES_MAX {
                return Err(format!("`media.{kind}.types`: at most {TYPES_MAX}"));
            }
            if let Some(wrong) = types.iter().find(|t| !MediaType::is_well_formed(t)) {
                return Err(format!("`media.{kind}.types`: `{wrong}` is not a media type"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{ContactCard, Media};

    #[test]
    fn m48_texts_are_counted_in_the_providers_unit() {
        let length = |provider, text| Profile::of(provider).text_length(text);
        assert_eq!(length(Provider::Twilio, "a👋"), 3);
        assert_eq!(length(Provider::Meta, "a👋"), 2);
        assert_eq!(length(Provider::Meta, "नमस्ते"), 6);
        assert_eq!(length(Provider::Gupshup, "e\u{301} مرحبا"), 8);
    }

    #[test]
    fn m31_places_and_contact_cards_are_refused_where_the_profile_lacks_them() {
        let place = Content::Location {
            latitude: "12.9".into(),
            longitude: "77.5".into(),
            name: None,
            address: None,
        };
        let card = Content::Contacts { contacts: Vec::new(), file: None };
        for provider in [Provider::Twilio, Provider::Gupshup] {
            for (content, kind) in [(&place, "location"), (&card, "contacts")] {
                let misfit = Profile::of(provider).misfit(content);
                let [(Code::ContentUnsupported, detail)] = misfit.as_slice() else {
                    panic!("{provider:?}: {misfit:?}")
                };
                assert!(detail.contains(provider.as_str()) && detail.contains(kind), "{detail}");
            }
        }
        assert_eq!(Profile::of(Provider::Meta).misfit(&place), []);
        assert_eq!(Profile::of(Provider::Meta).misfit(&card), []);
    }

    #[test]
    fn m31_the_number_of_contact_cards_is_exact() {
        for (provider, max) in
            [(Provider::Twilio, 1), (Provider::Gupshup, 1), (Provider::Meta, 257)]
        {
            let sends = Some(kinds(&[ContentKind::Contacts]));
            let changes = ProfileChanges { sends, ..ProfileChanges::default() };
            let profile = Profile::of(provider).changed(&changes);
            for (count, fits) in [(max - 1, true), (max, true), (max + 1, false)] {
                let contacts = vec![ContactCard::default(); count];
                let misfit = profile.misfit(&Content::Contacts { contacts, file: None });
                assert_eq!(misfit.is_empty(), fits, "{provider:?} {count}: {misfit:?}");
            }
        }
    }

    #[test]
    fn d4_d6_an_account_changes_its_profile() {
        let sticker = Content::Sticker(Media {
            content_type: Some("image/webp".into()),
            bytes: Some(10),
            ..Media::default()
        });
        let own = Profile::of(Provider::Gupshup);
        assert_eq!(own.misfit(&sticker).len(), 1);
        let whatsapp = ProfileChanges { base: Some(Provider::Meta), ..ProfileChanges::default() };
        let changed = own.clone().changed(&whatsapp);
        assert_eq!(changed.misfit(&sticker), []);
        assert_eq!((changed.name, changed.rate_per_second), ("gupshup", 20));
        assert!(!changed.reply_context && !changed.sends_to_user_id, "the wire stays its own");
        let shorter = ProfileChanges {
            text_max: Some(10),
            media: BTreeMap::from([(
                MediaKind::Image,
                MediaChanges { caption: Some(true), ..MediaChanges::default() },
            )]),
            ..ProfileChanges::default()
        };
        let changed = own.clone().changed(&shorter);
        for (length, misfits) in [(9, 0), (10, 0), (11, 1)] {
            let text = Content::Text { text: "x".repeat(length) };
            assert_eq!(changed.misfit(&text).len(), misfits, "{length}");
        }
        assert!(changed.media[&MediaKind::Image].caption);
        assert_eq!(own.clone().changed(&ProfileChanges::default()), own);
    }

    #[test]
    fn d3_a_profile_can_forbid_files_in_templates() {
        let forbids = ProfileChanges { template_media: Some(false), ..ProfileChanges::default() };
        let content = Content::Template(crate::content::TemplateUse {
            name: "t".into(),
            language: None,
            variables: BTreeMap::new(),
            header: Some(crate::content::HeaderMedia {
                kind: MediaKind::Image,
                media: Media { content_type: Some("image/png".into()), ..Media::default() },
                variable: None,
            }),
        });
        let profile = Profile::of(Provider::Meta);
        assert_eq!(profile.misfit(&content), []);
        let found = profile.changed(&forbids).misfit(&content);
        assert_eq!(found.first().map(|(code, _)| *code), Some(Code::ContentUnsupported));
    }

    #[test]
    fn wrong_changes_are_named() {
        let media = |change| ProfileChanges {
            media: BTreeMap::from([(MediaKind::Image, change)]),
            ..ProfileChanges::default()
        };
        let types = MediaChanges { types: Some(vec!["png".into()]), ..MediaChanges::default() };
        let bytes = MediaChanges { max_bytes: Some(0), ..MediaChanges::default() };
        let sends = Some(BTreeSet::from([ContentKind::List]));
        for (changes, named) in [
            (ProfileChanges { text_max: Some(0), ..ProfileChanges::default() }, "text_max"),
            (ProfileChanges { sends, ..ProfileChanges::default() }, "list"),
            (media(types), "media.image.types"),
            (media(bytes), "media.image.max_bytes"),
        ] {
            let why = changes.check().unwrap_err();
            assert!(why.contains(named), "{why}");
        }
        assert_eq!(ProfileChanges::default().check(), Ok(()));
    }

    #[test]
    fn changes_hold_at_their_edges() {
        let none = ProfileChanges::default;
        let image = |change| ProfileChanges {
            media: BTreeMap::from([(MediaKind::Image, change)]),
            ..none()
        };
        type Change<'a> = &'a dyn Fn(usize) -> ProfileChanges;
        let text: Change<'_> = &|n| ProfileChanges { text_max: Some(n), ..none() };
        let caption: Change<'_> = &|n| ProfileChanges { caption_max: Some(n), ..none() };
        let prefix: Change<'_> = &|n| {
            let digits = "9".repeat(n);
            let sender_prefixes = Some(BTreeSet::from([format!("+{digits}")]));
            ProfileChanges { sender_prefixes, ..none() }
        };
        let bytes: Change<'_> = &|n| {
            let max_bytes = u64::try_from(n).ok();
            image(MediaChanges { max_bytes, ..MediaChanges::default() })
        };
        let types: Change<'_> = &|n| {
            let types = Some(vec!["image/png".to_owned(); n]);
            image(MediaChanges { types, ..MediaChanges::default() })
        };
        for (name, change, least, most) in [
            ("text_max", text, 1, 65_536),
            ("caption_max", caption, 1, 65_536),
            ("sender_prefixes", prefix, 1, 7),
            ("max_bytes", bytes, 1, 100 * 1024 * 1024),
            ("types", types, 0, 64),
        ] {
            for given in [least, least + 1, most - 1, most] {
                assert_eq!(change(given).check(), Ok(()), "{name} {given}");
            }
            for given in [least.checked_sub(1), Some(most + 1)].into_iter().flatten() {
                let why = change(given).check().expect_err(name);
                assert!(why.contains(name), "{given}: {why}");
            }
        }
    }
}

//! What an address that a caller gives holds, before a message with it is taken: by the declared
//! type and by a HEAD request.

use crate::outbound::FileHead;
use crate::{App, AppError};
use transom_core::code::Code;
use transom_core::content::{Content, Media};
use transom_core::media::MediaType;
use transom_core::profile::Profile;

impl App {
    /// Looks at the file of `content`, a stored one or one at an address, and writes down what it
    /// is. Answers why it cannot be sent.
    ///
    /// # Errors
    /// `not_found` when there is no such stored file, or the table cannot be reached.
    pub(crate) async fn look_at(
        &self,
        profile: &Profile,
        content: &mut Content,
    ) -> Result<Option<(Code, String)>, AppError> {
        match self.look_at_stored(content).await? {
            None => Ok(self.look_at_file(profile, content).await),
            found => Ok(found),
        }
    }

    /// Looks at the file of `content` and writes down its type and size. Answers why it cannot be
    /// had; a file that the rules refuse anyway is not asked for.
    async fn look_at_file(
        &self,
        profile: &Profile,
        content: &mut Content,
    ) -> Option<(Code, String)> {
        let untold = content.media()?.content_type.is_none();
        let refused = profile
            .misfit(content)
            .into_iter()
            .any(|(code, _)| !(untold && code == Code::MediaType));
        let media = content.media_mut()?;
        if refused {
            return None;
        }
        let url = media.url.as_deref()?;
        match self.outbound.head(url).await {
            Err(why) => Some((Code::MediaUrl, why)),
            Ok(head) => write_down(media, head),
        }
    }
}

/// What is served counts, because the provider sees that; what a caller declares helps where the
/// server says nothing, and must not contradict it.
pub(super) fn write_down(media: &mut Media, head: FileHead) -> Option<(Code, String)> {
    media.bytes = media.bytes.max(head.bytes);
    let served = head.content_type?;
    let served_type = MediaType::read(&served);
    if served_type.is_unspecific() {
        return None;
    }
    match &media.content_type {
        None => {
            media.content_type = Some(served);
            None
        }
        Some(told) => {
            let told_type = MediaType::read(told);
            if told_type.essence != served_type.essence && !same_file(&told_type, &served_type) {
                let detail = format!("it is declared as {told}, but its address serves {served}");
                return Some((Code::MediaType, detail));
            }
            if !served_type.codecs.is_empty() {
                media.content_type = Some(served);
            }
            None
        }
    }
}

/// Two names of one type.
fn same_file(a: &MediaType, b: &MediaType) -> bool {
    const NAMES: [&[&str]; 4] = [
        &["image/jpeg", "image/jpg"],
        &["audio/mpeg", "audio/mpeg3", "audio/x-mpeg-3", "audio/mp3"],
        &["text/csv", "text/comma-separated-values", "application/csv", "text/plain"],
        &["video/mpeg", "video/x-mpeg"],
    ];
    let both = |names: &&&[&str]| {
        names.contains(&a.essence.as_str()) && names.contains(&b.essence.as_str())
    };
    NAMES.iter().any(|names| both(&names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(
        declared: Option<&str>,
        served: Option<&str>,
    ) -> (Option<String>, Option<(Code, String)>) {
        let mut media = Media { content_type: declared.map(str::to_owned), ..Media::default() };
        let head = FileHead { content_type: served.map(str::to_owned), bytes: None };
        let found = write_down(&mut media, head);
        (media.content_type, found)
    }

    #[test]
    fn what_is_served_counts_and_must_not_be_contradicted() {
        for (declared, served, expected) in [
            (None, Some("image/png"), Some("image/png")),
            (Some("image/png"), None, Some("image/png")),
            (Some("image/png"), Some("binary/octet-stream"), Some("image/png")),
            (Some("audio/ogg; codecs=opus"), Some("audio/ogg"), Some("audio/ogg; codecs=opus")),
            (Some("audio/ogg"), Some("audio/ogg; codecs=vorbis"), Some("audio/ogg; codecs=vorbis")),
            (Some("audio/mpeg3"), Some("audio/mpeg"), Some("audio/mpeg3")),
            (None, None, None),
        ] {
            let (content_type, found) = after(declared, served);
            assert_eq!(
                (content_type.as_deref(), found),
                (expected, None),
                "{declared:?} {served:?}"
            );
        }
        let (_, found) = after(Some("image/png"), Some("text/html; charset=utf-8"));
        assert!(matches!(found, Some((Code::MediaType, _))), "{found:?}");
    }

    #[test]
    fn the_larger_size_counts() {
        let mut media = Media { bytes: Some(10), ..Media::default() };
        write_down(&mut media, FileHead { content_type: None, bytes: Some(20) });
        assert_eq!(media.bytes, Some(20));
        write_down(&mut media, FileHead { content_type: None, bytes: Some(5) });
        assert_eq!(media.bytes, Some(20));
    }
}

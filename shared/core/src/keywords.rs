//! The words by which a customer opts out and in again (M80, peers E13): compared as a whole
//! message, whatever its case, accents, width and punctuation.

use crate::consent::OptIn;
use crate::content::Content;
use serde::{Deserialize, Serialize};

/// The longest message that can be one of these words, in characters: nobody's word is longer,
/// and a long text is not folded for nothing.
const MESSAGE_CHARS_MAX: usize = 100;

/// Words that opt out at every sender, a line for each language. Words that mean much else in a help
/// desk (`cancel`, `end`, `quit`) are not among them: a sender may add them.
pub const STOP: &[&str] = &[
    // English; `stop promotions` is what WhatsApp's own button of marketing templates says.
    "stop, stopall, stop all, stop promotions, unsubscribe, opt out, optout",
    // Spanish, Portuguese
    "baja, dar de baja, darme de baja, parar, desuscribir, desuscribirme, detener promociones",
    "pare, sair, descadastrar, cancelar inscrição, parar promoções",
    // Hindi in both scripts, Bengali, Urdu
    "रोकें, रोको, बंद करें, बंद करो, roko, band karo, band karen",
    "বন্ধ, বন্ধ করুন",
    "بند کریں",
    // French, German, Dutch, Italian
    "arrêt, arrêter, désabonner, se désabonner, me désabonner, désinscrire",
    "stopp, abmelden, abbestellen",
    "afmelden, uitschrijven",
    "cancellami, disiscrivimi, annulla iscrizione",
    // Indonesian and Malay, Turkish, Arabic, Russian
    "berhenti, henti",
    "abonelikten çık, durdur",
    "توقف, ايقاف, إيقاف, الغاء الاشتراك, إلغاء الاشتراك",
    "стоп, отписаться",
    // Chinese, Japanese, Korean
    "退订, 退訂, 取消订阅",
    "配信停止",
    "수신거부",
];

/// Words that opt in again at every sender, a line for each language.
pub const START: &[&str] = &[
    "start, unstop, subscribe, opt in, optin, resume promotions",
    "alta, darme de alta, suscribir, suscribirme",
    "inscrever, cadastrar, voltar a receber",
    "शुरू, शुरू करें, shuru, shuru karo, shuru karen",
    "শুরু",
    "شروع",
    "s'abonner, m'abonner",
    "anmelden, abonnieren",
    "aanmelden, inschrijven",
    "iscrivimi",
    "mulai",
    "başlat",
    "اشتراك",
    "старт, подписаться",
    "订阅, 訂閱",
    "配信再開",
    "수신동의",
];

/// The words that a sender adds to those of every sender, as an administrator wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keywords {
    /// Words that opt out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Words that opt in again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,
}

/// Which list of a sender a word stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// It opts out.
    Stop,
    /// It opts in.
    Start,
}

impl Keywords {
    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stop.is_empty() && self.start.is_empty()
    }

    /// What a word says here. Of a word that is on both lists the refusal counts.
    #[must_use]
    pub fn meaning(&self, text: &str) -> Option<Spoken> {
        if text.chars().count() > MESSAGE_CHARS_MAX {
            return None;
        }
        let said = folded(text);
        if said.is_empty() {
            return None;
        }
        let is_on = |known: &[&str], own: &[String]| {
            let mut known = known.iter().flat_map(|line| line.split(", "));
            known.any(|word| folded(word) == said) || own.iter().any(|w| folded(w) == said)
        };
        if is_on(STOP, &self.stop) {
            Some(Spoken::Stop)
        } else if is_on(START, &self.start) {
            Some(Spoken::Start)
        } else {
            None
        }
    }

    /// What a message says about consent. A tap on a button refuses as a typed word does, by what
    /// the button says or carries; it never agrees, because a button that says `Start` begins many
    /// things.
    #[must_use]
    pub fn said_by(&self, content: &Content) -> Option<OptIn> {
        let stops = |text: &str| self.meaning(text) == Some(Spoken::Stop);
        match content {
            Content::Text { text } => self.meaning(text).map(|spoken| match spoken {
                Spoken::Stop => OptIn::Out,
                Spoken::Start => OptIn::In,
            }),
            Content::Button { text, payload } => {
                let out = stops(text) || payload.as_deref().is_some_and(stops);
                out.then_some(OptIn::Out)
            }
            Content::Image(_)
            | Content::Video(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Sticker(_)
            | Content::Location { .. }
            | Content::Contacts { .. }
            | Content::List { .. }
            | Content::Reaction { .. }
            | Content::Edit { .. }
            | Content::Deletion
            | Content::Interactive(_)
            | Content::Template(_)
            | Content::Unsupported { .. } => None,
        }
    }
}

/// A text as words are compared: case folded, accents of Latin letters removed, wide letters made
/// plain, and every run of spaces, punctuation and pictures one space.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    // Upper case first: it takes what lower case leaves in two writings, such as ß and long s.
    let cased = text.chars().map(narrow).flat_map(char::to_uppercase);
    for c in cased.flat_map(char::to_lowercase).map(without_accent) {
        if is_mark(c) {
            continue;
        }
        if is_gap(c) {
            if !words.is_empty() && !words.ends_with(' ') {
                words.push(' ');
            }
        } else {
            words.push(c);
        }
    }
    words.truncate(words.trim_end().len());
    words
}

/// A letter of full width as the plain one.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
        }
        '\u{3000}' => ' ',
        // Turkish capital I with its dot: folded alone it would leave the dot behind.
        'İ' => 'I',
        _ => c,
    }
}

/// A letter of the Latin languages without its accent: phones add and leave out accents as they
/// like.
fn without_accent(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'ı' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'š' | 'ś' | 'ş' | 'ș' => 's',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ž' | 'ź' | 'ż' => 'z',
        'ς' => 'σ',
        _ => c,
    }
}

/// What is written upon or beside letters and says nothing: combining accents, marks of direction,
/// joiners, variation selectors.
const fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}'
        | '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{1f3fb}'..='\u{1f3ff}')
}

/// What parts words: spaces, punctuation of every script that the words above are written in,
/// pictures.
fn is_gap(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || c.is_ascii_punctuation()
        || matches!(c,
            '\u{a1}'..='\u{a9}' | '\u{ab}'..='\u{b4}' | '\u{b6}'..='\u{b9}' | '\u{bb}'..='\u{bf}'
            | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{66a}'..='\u{66d}' | '\u{6d4}'
            | '\u{964}' | '\u{965}'
            | '\u{2010}'..='\u{2029}' | '\u{202f}'..='\u{205e}' | '\u{20a0}'..='\u{20bf}'
            | '\u{2190}'..='\u{2bff}'
            | '\u{3001}'..='\u{3004}' | '\u{3008}'..='\u{3020}'
            | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> Option<Spoken> {
        Keywords::default().meaning(text)
    }

    #[test]
    fn m80_every_writing_of_stop_stops() {
        for text in [
            "STOP",
            "stop",
            "Stop",
            " stop \n",
            "STOP!",
            "*STOP*",
            "¡STOP!",
            "\"Stop.\"",
            "stop…",
            "ＳＴＯＰ",
            "st\u{200b}op",
            "🛑 STOP 🛑",
            "Stop, all",
            "OPT-OUT",
            "\u{202a}STOP\u{202c}",
            "Baja",
            "DARME DE BAJA",
            "Cancelar inscrição",
            "parar promoções",
            "रोकें",
            "बंद करें।",
            "ARRÊT",
            "Arre\u{302}t",
            "désabonner",
            "se désabonner",
            "abonelikten çık",
            "СТОП",
            "إيقاف",
            "إلغاء الاشتراك",
            "退订。",
            "STOPP",
        ] {
            assert_eq!(meaning(text), Some(Spoken::Stop), "{text} as {}", folded(text));
        }
    }

    #[test]
    fn m80_every_writing_of_start_starts() {
        for text in
            ["START", "start.", "Unstop", "Subscribe!", "S'abonner", "शुरू करें", "СТАРТ", "alta"]
        {
            assert_eq!(meaning(text), Some(Spoken::Start), "{text} as {}", folded(text));
        }
    }

    #[test]
    fn only_a_whole_message_is_a_word() {
        for text in [
            "",
            "!",
            "🛑",
            "please stop",
            "stop it",
            "stopover",
            "nonstop",
            "bus stop?",
            "s.t.o.p",
            "Can I start?",
            "restart",
            "cancel",
            "end",
            "yes",
            "बंद है क्या",
        ] {
            assert_eq!(meaning(text), None, "{text}");
        }
    }

    #[test]
    fn m80_nobodys_word_is_longer_than_100_characters() {
        for (length, says) in
            [(99, Some(Spoken::Stop)), (100, Some(Spoken::Stop)), (101, None), (200, None)]
        {
            assert_eq!(meaning(&format!("stop{}", "!".repeat(length - 4))), says, "{length}");
        }
    }

    #[test]
    fn a_sender_adds_words_and_takes_none_away() {
        let own = Keywords { stop: vec!["Fin!".to_owned()], start: vec!["Únete".to_owned()] };
        assert_eq!(own.meaning("fin"), Some(Spoken::Stop));
        assert_eq!(own.meaning("UNETE"), Some(Spoken::Start));
        assert_eq!(own.meaning("stop"), Some(Spoken::Stop));
        let both = Keywords { stop: vec!["x".to_owned()], start: vec!["X".to_owned()] };
        assert_eq!(both.meaning("x"), Some(Spoken::Stop), "the refusal counts");
    }

    #[test]
    fn every_word_of_the_lists_says_what_its_list_says() {
        for (list, says) in [(STOP, Spoken::Stop), (START, Spoken::Start)] {
            for word in list.iter().flat_map(|line| line.split(", ")) {
                assert_eq!(meaning(word), Some(says), "{word}");
            }
        }
    }

    #[test]
    fn a_button_refuses_and_never_agrees() {
        let tap = |text: &str, payload: Option<&str>| {
            let content =
                Content::Button { text: text.to_owned(), payload: payload.map(str::to_owned) };
            Keywords::default().said_by(&content)
        };
        assert_eq!(tap("Stop promotions", None), Some(OptIn::Out));
        assert_eq!(tap("Nein danke", Some("STOP")), Some(OptIn::Out));
        assert_eq!(tap("Start", Some("START")), None);
    }
}

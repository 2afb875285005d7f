//! WhatsApp's marks in a text: `*bold*`, `_italic_`, `~struck~` (M45-M47).
//!
//! A text is sent and stored as it was written; only who shows it reads its marks.

use serde::{Deserialize, Serialize};

/// What of a text's formatting the customer sees (M45, M46).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formatting {
    /// Spaces, new lines, bold, italics, emoticons.
    Full,
    /// New lines alone.
    NewLines,
}

/// A piece of text with one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// The text, without the marks that made its look.
    pub text: String,
    /// `*bold*`
    pub bold: bool,
    /// `_italic_`
    pub italic: bool,
    /// `~struck~`
    pub struck: bool,
}

/// The place of a mark's look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Bold,
    Italic,
    Struck,
}

impl Mark {
    const fn of(c: char) -> Option<Self> {
        match c {
            '*' => Some(Self::Bold),
            '_' => Some(Self::Italic),
            '~' => Some(Self::Struck),
            _ => None,
        }
    }
}

/// The looks of a text. A mark opens at the beginning of a word and closes at the end of one, on
/// the same line; a mark without its partner is a character like any other.
#[must_use]
pub fn spans(text: &str) -> Vec<Span> {
    let chars: Vec<char> = text.chars().collect();
    let roles = roles(&chars);
    let mut found: Vec<Span> = Vec::new();
    let mut look = Span::default();
    for (c, role) in chars.iter().zip(roles) {
        match role {
            Some((mark, opens)) => match mark {
                Mark::Bold => look.bold = opens,
                Mark::Italic => look.italic = opens,
                Mark::Struck => look.struck = opens,
            },
            None => match found.last_mut() {
                Some(last) if same_look(last, &look) => last.text.push(*c),
                Some(_) | None => found.push(Span { text: c.to_string(), ..look.clone() }),
            },
        }
    }
    found
}

fn same_look(a: &Span, b: &Span) -> bool {
    (a.bold, a.italic, a.struck) == (b.bold, b.italic, b.struck)
}

/// For each character, the mark that it is and whether it opens; `None` for text.
fn roles(chars: &[char]) -> Vec<Option<(Mark, bool)>> {
    let mut roles = vec![None; chars.len()];
    // Opened marks that wait for their partner, innermost last.
    let mut open: Vec<(Mark, usize)> = Vec::new();
    for (place, c) in chars.iter().enumerate() {
        if *c == '\n' {
            open.clear();
            continue;
        }
        let Some(mark) = Mark::of(*c) else { continue };
        let waiting = open.iter().rposition(|(other, _)| *other == mark);
        if let Some(depth) = waiting
            && may_close(chars, place)
            && let Some((_, begun)) = open.get(depth).copied()
            && place > begun.saturating_add(1)
        {
            // What was opened inside and not closed is text.
            open.truncate(depth);
            if let Some(role) = roles.get_mut(begun) {
                *role = Some((mark, true));
            }
            if let Some(role) = roles.get_mut(place) {
                *role = Some((mark, false));
            }
        } else if waiting.is_none() && may_open(chars, place) {
            open.push((mark, place));
        }
    }
    roles
}

/// Before it no letter or digit, behind it no space.
fn may_open(chars: &[char], place: usize) -> bool {
    let before = place.checked_sub(1).and_then(|p| chars.get(p));
    let behind = chars.get(place.saturating_add(1));
    before.is_none_or(|c| !c.is_alphanumeric()) && behind.is_some_and(|c| !c.is_whitespace())
}

/// Before it no space, behind it no letter or digit.
fn may_close(chars: &[char], place: usize) -> bool {
    let before = place.checked_sub(1).and_then(|p| chars.get(p));
    let behind = chars.get(place.saturating_add(1));
    before.is_some_and(|c| !c.is_whitespace()) && behind.is_none_or(|c| !c.is_alphanumeric())
}

/// The text without its marks, for places that show no formatting.
#[must_use]
pub fn plain(text: &str) -> String {
    spans(text).into_iter().map(|span| span.text).collect()
}

/// The text as HTML: its marks as elements, its new lines as `<br>`, everything else escaped.
#[must_use]
pub fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for span in spans(text) {
        let looks = [(span.bold, "strong"), (span.italic, "em"), (span.struck, "s")];
        for (_, name) in looks.iter().filter(|(on, _)| *on) {
            html.push_str(&format!("<{name}>"));
        }
        for c in span.text.chars() {
            match c {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                '\'' => html.push_str("&#39;"),
                '\n' => html.push_str("<br>"),
                other => html.push(other),
            }
        }
        for (_, name) in looks.iter().rev().filter(|(on, _)| *on) {
            html.push_str(&format!("</{name}>"));
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m47_marks_are_shown_as_whatsapp_shows_them() {
        for (text, expected) in [
            ("Your total is *$10.50*.", "Your total is <strong>$10.50</strong>."),
            ("Welcome to _WhatsApp_!", "Welcome to <em>WhatsApp</em>!"),
            ("~old~ new", "<s>old</s> new"),
            ("*a* *b*", "<strong>a</strong> <strong>b</strong>"),
            ("*bold _and italic_*", "<strong>bold </strong><strong><em>and italic</em></strong>"),
            ("(*x*)", "(<strong>x</strong>)"),
            ("नमस्ते *दुनिया* 👋", "नमस्ते <strong>दुनिया</strong> 👋"),
            ("*👋🏽*", "<strong>👋🏽</strong>"),
            ("a\nb  c", "a<br>b  c"),
            ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"),
        ] {
            assert_eq!(html(text), expected, "{text}");
        }
    }

    #[test]
    fn m47_unbalanced_marks_are_text() {
        for text in [
            "*open",
            "close*",
            "2 * 3 * 4",
            "a*b*c",
            "snake_case_name",
            "**",
            "* spaced *",
            "*line\nbreak*",
            "_*",
            "~",
            "",
        ] {
            assert_eq!(plain(text), text, "{text:?}");
        }
        assert_eq!(html("*a _b* c"), "<strong>a _b</strong> c");
    }

    #[test]
    fn m48_no_character_is_lost() {
        for text in ["👩‍👩‍👧‍👦 e\u{301} مرحبا *x", "𝒳 _𝒴_ ~\u{202e}rtl~"]
        {
            let marks = |c: char| Mark::of(c).is_some();
            let kept: String = plain(text).chars().filter(|c| !marks(*c)).collect();
            let all: String = text.chars().filter(|c| !marks(*c)).collect();
            assert_eq!(kept, all);
        }
    }
}

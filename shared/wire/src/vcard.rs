//! Contact cards as a vCard file, for a provider that takes cards as files (RFC 2426).

use transom_core::content::ContactCard;

/// The longest line, in bytes, before it is folded.
const LINE_BYTES_MAX: usize = 75;

/// The cards as one vCard 3.0 file. The same cards make the same bytes.
#[must_use]
pub(crate) fn vcard(cards: &[ContactCard]) -> String {
    let mut file = String::new();
    for card in cards {
        let name = escaped(&card.name);
        line(&mut file, "BEGIN:VCARD");
        line(&mut file, "VERSION:3.0");
        line(&mut file, &format!("N:;{name};;;"));
        line(&mut file, &format!("FN:{name}"));
        for phone in &card.phones {
            line(&mut file, &format!("TEL;TYPE=CELL:{}", escaped(phone)));
        }
        for email in &card.emails {
            line(&mut file, &format!("EMAIL;TYPE=INTERNET:{}", escaped(email)));
        }
        line(&mut file, "END:VCARD");
    }
    file
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ',' | ';' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Writes a line, folded between characters where it is long.
fn line(file: &mut String, text: &str) {
    let mut bytes = 0_usize;
    for c in text.chars() {
        let length = c.len_utf8();
        if bytes.saturating_add(length) > LINE_BYTES_MAX {
            file.push_str("\r\n ");
            bytes = 1;
        }
        file.push(c);
        bytes = bytes.saturating_add(length);
    }
    file.push_str("\r\n");
}

/// The most cards of one file, and numbers or addresses of one card, that are read.
const CARDS_MAX: usize = 100;
/// The longest value that is read, in characters.
const VALUE_CHARS_MAX: usize = 200;

/// The cards of a vCard file of any version, as far as it goes: what is cut off, or is no card, is
/// left out.
#[must_use]
pub fn read_vcard(bytes: &[u8]) -> Vec<ContactCard> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let mut cards = Vec::new();
    let mut open: Option<ContactCard> = None;
    // A line that begins with a space goes on where the one before it ended.
    for line in text.replace("\n ", "").replace("\n\t", "").lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        // `item1.TEL;type=CELL`: a group before the name, parameters behind it.
        let name = name.split(';').next().unwrap_or_default();
        let name = name.rsplit('.').next().unwrap_or_default().to_ascii_uppercase();
        let value = unescaped(value);
        match (name.as_str(), &mut open) {
            ("BEGIN", _) => open = Some(ContactCard::default()),
            ("END", card) => cards.extend(card.take().filter(|c| *c != ContactCard::default())),
            ("FN", Some(card)) => card.name = value,
            ("N", Some(card)) if card.name.is_empty() => card.name = in_order(&value),
            ("TEL", Some(card)) if card.phones.len() < CARDS_MAX => card.phones.push(value),
            ("EMAIL", Some(card)) if card.emails.len() < CARDS_MAX => card.emails.push(value),
            _ => {}
        }
        if cards.len() >= CARDS_MAX {
            break;
        }
    }
    cards
}

/// `N` holds the family's name first.
fn in_order(value: &str) -> String {
    let mut parts: Vec<&str> = value.split(';').map(str::trim).take(3).collect();
    let family = parts.len().min(1);
    parts.rotate_left(family);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn unescaped(value: &str) -> String {
    let mut plain = String::new();
    let mut characters = value.trim().chars();
    while let Some(c) = characters.next() {
        plain.extend(match c {
            '\\' => match characters.next() {
                Some('n' | 'N') => Some(' '),
                other => other,
            },
            c if c.is_control() => None,
            c => Some(c),
        });
    }
    plain.chars().take(VALUE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m30_what_was_written_is_read() {
        let card = ContactCard {
            name: "Rao; Asha, \"Dr\"".to_owned(),
            phones: vec!["+91 98000 00000".to_owned(), "+1".to_owned()],
            emails: vec!["asha@example.com".to_owned()],
        };
        let long = ContactCard { name: "आशा".repeat(40), ..ContactCard::default() };
        let cards = [card, long];
        assert_eq!(read_vcard(vcard(&cards).as_bytes()), cards);
    }

    #[test]
    fn m30_cards_of_phones_are_read_as_far_as_they_go() {
        let file = "BEGIN:VCARD\nVERSION:3.0\nN:Rao;Ravi;;;\nitem1.TEL;waid=919800000000:+91 98000 \
                    00000\nitem1.X-ABLabel:Mobile\nPHOTO;BASE64:AAAA\n AAAA\nEND:VCARD\nBEGIN:VCARD\n\
                    FN:Cut off\nTEL:+1";
        let cards = read_vcard(file.as_bytes());
        let read = ContactCard {
            name: "Ravi Rao".to_owned(),
            phones: vec!["+91 98000 00000".to_owned()],
            emails: Vec::new(),
        };
        assert_eq!(cards, [read]);
        for none in [&b""[..], b"\xff\xfe", b"<html>", b"BEGIN:VCARD\nEND:VCARD\n", b"END:VCARD"] {
            assert!(read_vcard(none).is_empty(), "{none:?}");
        }
        let many = "BEGIN:VCARD\nFN:a\nEND:VCARD\n".repeat(101);
        assert_eq!(read_vcard(many.as_bytes()).len(), 100);
    }

    #[test]
    fn a_card_is_one_file_whatever_stands_in_it() {
        let card = ContactCard {
            name: "Rao; Asha, \"Dr\"\r\nEND:VCARD".to_owned(),
            phones: vec!["+91 98000 00000".to_owned()],
            emails: vec!["asha@example.com".to_owned()],
        };
        let file = vcard(&[card]);
        let expected = [
            "BEGIN:VCARD",
            "VERSION:3.0",
            r#"N:;Rao\; Asha\, "Dr"\nEND:VCARD;;;"#,
            r#"FN:Rao\; Asha\, "Dr"\nEND:VCARD"#,
            "TEL;TYPE=CELL:+91 98000 00000",
            "EMAIL;TYPE=INTERNET:asha@example.com",
            "END:VCARD",
            "",
        ];
        assert_eq!(file, expected.join("\r\n"));
        let long = ContactCard { name: "आशा".repeat(40), ..ContactCard::default() };
        let file = vcard(&[long]);
        assert!(file.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX), "{file}");
        assert!(file.replace("\r\n ", "").contains(&"आशा".repeat(40)));
    }
}

//! Contact cards as a vCard file, for a provider that takes cards as files (RFC 2426).

use transom_core::content::ContactCard;

/// The longest line, in bytes, before it is folded.
const LINE_BYTES_MAX: usize = 75;

/// The cards as one vCard 3.0 file.
#[must_use]
pub fn vcard(cards: &[ContactCard]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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

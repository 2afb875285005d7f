//! Whether a template's definition can be one at WhatsApp (providers 3.5).

use super::variables::names;
use super::{Button, Category, Header, Template, TemplateKind};

/// The longest body, in characters: WhatsApp's is 1024, other contents of a provider are longer.
const BODY_CHARS_MAX: usize = 4096;
/// The longest line of a header, in characters.
const HEADER_CHARS_MAX: usize = 60;
/// The longest footer, in characters.
const FOOTER_CHARS_MAX: usize = 60;
/// The most buttons.
const BUTTONS_MAX: usize = 10;
/// The longest label of a button, in characters.
const LABEL_CHARS_MAX: usize = 25;
/// The longest address, in characters.
const URL_CHARS_MAX: usize = 2000;
/// The longest number of a call button, in characters.
const PHONE_CHARS_MAX: usize = 20;
/// The longest code of a coupon, in characters.
const COUPON_CHARS_MAX: usize = 15;
/// The most buttons of a kind: WhatsApp takes so many, and no more.
const OF_A_KIND_MAX: [(&str, usize); 5] =
    [("url", 2), ("phone", 1), ("copy_code", 1), ("otp", 1), ("catalog", 1)];
/// The longest name of a placeholder, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Checks a definition that a caller gives.
///
/// # Errors
/// The field, and what would be right.
pub fn check(template: &Template) -> Result<(), String> {
    chars("body", &template.body, BODY_CHARS_MAX)?;
    placeholders("body", &template.body, usize::MAX)?;
    if let Some(footer) = &template.footer {
        chars("footer", footer, FOOTER_CHARS_MAX)?;
        placeholders("footer", footer, 0)?;
    }
    header(template)?;
    buttons(&template.buttons)?;
    kind(template)
}

fn header(template: &Template) -> Result<(), String> {
    match &template.header {
        None => Ok(()),
        Some(Header::Text { text }) => {
            chars("header.text", text, HEADER_CHARS_MAX)?;
            placeholders("header.text", text, 1)
        }
        Some(Header::Image(file) | Header::Video(file) | Header::Document(file)) => {
            if let Some(url) = &file.url {
                address("header.url", url)?;
            }
            match &file.variable {
                Some(name) if !is_name(name) => Err(name_rule("header.variable")),
                Some(_) | None => Ok(()),
            }
        }
    }
}

fn buttons(buttons: &[Button]) -> Result<(), String> {
    if buttons.len() > BUTTONS_MAX {
        return Err(format!("`buttons` may be at most {BUTTONS_MAX}, there are {}", buttons.len()));
    }
    for (kind, most) in OF_A_KIND_MAX {
        let count = buttons.iter().filter(|button| button.kind() == kind).count();
        if count > most {
            return Err(format!("`buttons`: at most {most} of the type {kind}, there are {count}"));
        }
    }
    for (index, button) in buttons.iter().enumerate() {
        let field = |name: &str| format!("buttons[{index}].{name}");
        if let Some(label) = button.label() {
            chars(&field("text"), label, LABEL_CHARS_MAX)?;
            placeholders(&field("text"), label, 0)?;
        }
        match button {
            Button::Url { url, .. } => {
                address(&field("url"), url)?;
                placeholders(&field("url"), url, 1)?;
                if url.contains("{{") && !url.trim_end().ends_with("}}") {
                    return Err(format!("`{}`: its placeholder must be its end", field("url")));
                }
            }
            Button::Phone { phone, .. } => chars(&field("phone"), phone, PHONE_CHARS_MAX)?,
            Button::CopyCode { example: Some(code) } => {
                chars(&field("example"), code, COUPON_CHARS_MAX)?;
            }
            Button::Other { .. } => {
                return Err(format!(
                    "`{}` must be one of quick_reply, url, phone, copy_code, otp, catalog",
                    field("type")
                ));
            }
            Button::CopyCode { example: None }
            | Button::QuickReply { .. }
            | Button::Otp { .. }
            | Button::Catalog { .. } => {}
        }
    }
    Ok(())
}

/// What each kind is made of.
fn kind(template: &Template) -> Result<(), String> {
    let has = |kind: &str| template.buttons.iter().any(|button| button.kind() == kind);
    let file = template.file().is_some();
    let is_password = template.category == Category::Authentication;
    match &template.kind {
        TemplateKind::Text if file => {
            Err("`kind` must be media, because `header` is a file".to_owned())
        }
        TemplateKind::Text if has("catalog") => {
            Err("`kind` must be catalog, because a button is one".to_owned())
        }
        TemplateKind::Text | TemplateKind::Media if has("otp") => {
            Err("`kind` must be authentication, because a button is an otp".to_owned())
        }
        TemplateKind::Media if !file => {
            Err("`header` must be an image, a video or a document, because `kind` is media"
                .to_owned())
        }
        TemplateKind::Text | TemplateKind::Media => Ok(()),
        TemplateKind::Catalog => {
            let others = template.buttons.iter().any(|button| button.kind() != "catalog");
            if file || others {
                let rule = "a template of the kind catalog has no file and no button but its own";
                return Err(format!("`kind`: {rule}"));
            }
            Ok(())
        }
        TemplateKind::Authentication if !is_password => {
            Err("`category` must be authentication, because `kind` is".to_owned())
        }
        TemplateKind::Authentication => {
            let others = template.buttons.iter().any(|button| button.kind() != "otp");
            let plain = template.header.is_none() && !others;
            let codes = names(&template.body).len();
            if plain && codes == 1 {
                return Ok(());
            }
            Err("a template of the kind authentication has one placeholder, its code, no header \
                 and no button but an otp"
                .to_owned())
        }
        TemplateKind::Other(_) => {
            Err("`kind` must be one of text, media, catalog, authentication".to_owned())
        }
    }
}

fn chars(field: &str, text: &str, most: usize) -> Result<(), String> {
    let length = text.chars().count();
    if !text.trim().is_empty() && length <= most {
        return Ok(());
    }
    Err(format!("`{field}` must be 1 to {most} characters, it has {length}"))
}

fn address(field: &str, url: &str) -> Result<(), String> {
    chars(field, url, URL_CHARS_MAX)?;
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    Err(format!("`{field}` must begin with https://"))
}

/// Placeholders are all numbers or all names, closed, and not more than `most`.
fn placeholders(field: &str, text: &str, most: usize) -> Result<(), String> {
    let names = names(text);
    if text.matches("{{").count() != names.len() {
        return Err(format!("`{field}` has `{{{{` that is not closed by `}}}}`"));
    }
    if names.len() > most {
        let allowed = if most == 0 { "no placeholder".to_owned() } else { format!("{most}") };
        return Err(format!("`{field}` may have {allowed}, it has {}", names.len()));
    }
    if !names.iter().all(|name| is_name(name)) {
        return Err(name_rule(field));
    }
    let numbers = names.iter().filter(|name| is_number(name)).count();
    if numbers != 0 && numbers != names.len() {
        return Err(format!(
            "`{field}`: its placeholders are partly numbered and partly named; WhatsApp takes \
             either numbers or names"
        ));
    }
    Ok(())
}

fn name_rule(field: &str) -> String {
    format!(
        "`{field}`: a placeholder is a number or a name of letters, digits and `_`, as in {{{{1}}}}"
    )
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit())
}

fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{CodeButton, HeaderFile};

    fn template() -> Template {
        Template::new("t", "en", Category::Utility, "Hi {{1}}")
    }

    fn reply(text: &str) -> Button {
        Button::QuickReply { text: text.into(), payload: None }
    }

    fn url(url: &str) -> Button {
        Button::Url { text: "Go".into(), url: url.into() }
    }

    fn with(change: impl FnOnce(&mut Template)) -> Result<(), String> {
        let mut template = template();
        change(&mut template);
        check(&template)
    }

    #[test]
    fn lengths_hold_at_their_edges() {
        for (most, field, set) in [
            (4096, "body", (|t, text| t.body = text) as fn(&mut Template, String)),
            (60, "footer", |t, text| t.footer = Some(text)),
            (60, "header.text", |t, text| t.header = Some(Header::Text { text })),
            (25, "buttons[0].text", |t, text| t.buttons = vec![reply(&text)]),
            (20, "buttons[0].phone", |t, text| {
                t.buttons = vec![Button::Phone { text: "Call".into(), phone: text }];
            }),
            (15, "buttons[0].example", |t, text| {
                t.buttons = vec![Button::CopyCode { example: Some(text) }];
            }),
        ] {
            for (length, fits) in [(most - 1, true), (most, true), (most + 1, false), (0, false)] {
                let found = with(|t| set(t, "é".repeat(length)));
                assert_eq!(found.is_ok(), fits, "{field} {length}: {found:?}");
                if let Err(why) = found {
                    assert!(why.contains(field), "{why}");
                }
            }
        }
        for (count, fits) in [(9, true), (10, true), (11, false)] {
            let found = with(|t| t.buttons = vec![reply("Yes"); count]);
            assert_eq!(found.is_ok(), fits, "{count} buttons");
        }
        let address = |length: usize| format!("https://e.com/{}", "x".repeat(length - 14));
        for (length, fits) in [(1999, true), (2000, true), (2001, false)] {
            assert_eq!(with(|t| t.buttons = vec![url(&address(length))]).is_ok(), fits);
            let file = HeaderFile { url: Some(address(length)), ..HeaderFile::default() };
            let found = with(|t| {
                t.kind = TemplateKind::Media;
                t.header = Some(Header::Image(file));
            });
            assert_eq!(found.is_ok(), fits, "{length}: {found:?}");
        }
        for (length, fits) in [(63, true), (64, true), (65, false)] {
            let name = "a".repeat(length);
            let found = with(|t| t.body = format!("Hi {{{{{name}}}}}"));
            assert_eq!(found.is_ok(), fits, "{length}: {found:?}");
            let variable = Some(name);
            let found = with(|t| {
                t.kind = TemplateKind::Media;
                t.header = Some(Header::Image(HeaderFile { variable, ..HeaderFile::default() }));
            });
            assert_eq!(found.is_ok(), fits, "{length}: {found:?}");
        }
    }

    #[test]
    fn numbers_of_placeholders_and_of_buttons_of_a_kind_hold_at_their_edges() {
        for (count, fits) in [(0, true), (1, true), (2, false)] {
            let text: String = (0..count).map(|n| format!(" {{{{{}}}}}", n + 1)).collect();
            let header = Header::Text { text: format!("Order{text}") };
            assert_eq!(with(|t| t.header = Some(header)).is_ok(), fits, "{count} in the header");
            let address = format!("https://e.com/{}", text.trim_start());
            assert_eq!(with(|t| t.buttons = vec![url(&address)]).is_ok(), fits, "{address}");
        }
        let phone = Button::Phone { text: "Call".into(), phone: "+1".into() };
        let code = Button::CopyCode { example: None };
        let otp = Button::Otp { otp: CodeButton::CopyCode, text: None };
        let catalog = Button::Catalog { text: None };
        for (button, kind, most) in [
            (url("https://e.com"), TemplateKind::Text, 2),
            (phone, TemplateKind::Text, 1),
            (code, TemplateKind::Text, 1),
            (otp, TemplateKind::Authentication, 1),
            (catalog, TemplateKind::Catalog, 1),
        ] {
            for (count, fits) in [(most - 1, true), (most, true), (most + 1, false)] {
                let found = with(|t| {
                    t.kind = kind.clone();
                    if kind == TemplateKind::Authentication {
                        t.category = Category::Authentication;
                    }
                    t.buttons = vec![button.clone(); count];
                });
                assert_eq!(found.is_ok(), fits, "{count} of {}: {found:?}", button.kind());
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        type Change = fn(&mut Template);
        let cases: [(Change, &str); 14] = [
            (|t| t.body = "Hi {{1}} {{name}}".into(), "partly numbered"),
            (|t| t.body = "Hi {{1}".into(), "not closed"),
            (|t| t.body = "Hi {{ }}".into(), "`body`: a placeholder"),
            (|t| t.body = "Hi {{first name}}".into(), "`body`: a placeholder"),
            (|t| t.footer = Some("{{1}}".into()), "footer"),
            (|t| t.header = Some(Header::Text { text: "{{1}} {{2}}".into() }), "header.text"),
            (|t| t.header = Some(Header::Image(HeaderFile::default())), "`kind` must be media"),
            (|t| t.kind = TemplateKind::Media, "`header` must be"),
            (|t| t.kind = TemplateKind::Authentication, "`category` must be"),
            (|t| t.kind = TemplateKind::Other("carousel".into()), "`kind` must be one of"),
            (|t| t.buttons = vec![url("ftp://e.com")], "buttons[0].url"),
            (|t| t.buttons = vec![url("https://e.com/{{1}}/x")], "must be its end"),
            (|t| t.buttons = vec![url("https://e.com"); 3], "type url"),
            (|t| t.buttons = vec![Button::Catalog { text: None }], "`kind` must be catalog"),
        ];
        for (change, named) in cases {
            let why = with(change).expect_err(named);
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn m69_each_kind_is_made_of_its_own_parts() {
        assert_eq!(check(&template()), Ok(()));
        let media = with(|t| {
            t.kind = TemplateKind::Media;
            t.header = Some(Header::Document(HeaderFile::default()));
            t.buttons = vec![reply("Yes"), url("https://e.com/{{1}}")];
        });
        assert_eq!(media, Ok(()));
        let catalog = |buttons: Vec<Button>| {
            with(|t| {
                t.kind = TemplateKind::Catalog;
                t.buttons = buttons;
            })
        };
        assert_eq!(catalog(Vec::new()), Ok(()));
        assert_eq!(catalog(vec![Button::Catalog { text: Some("View".into()) }]), Ok(()));
        assert!(catalog(vec![reply("Yes")]).is_err());
        let code = |body: &str, buttons: Vec<Button>| {
            with(|t| {
                t.kind = TemplateKind::Authentication;
                t.category = Category::Authentication;
                t.body = body.into();
                t.buttons = buttons;
            })
        };
        let otp = Button::Otp { otp: CodeButton::CopyCode, text: None };
        assert_eq!(code("{{1}} is your code.", vec![otp.clone()]), Ok(()));
        assert_eq!(code("{{1}} is your code.", Vec::new()), Ok(()));
        assert!(code("{{1}} {{2}}", vec![otp.clone()]).is_err());
        assert!(code("No code", vec![otp]).is_err());
        assert!(code("{{1}} is your code.", vec![reply("Yes")]).is_err());
    }
}

//! Contact cards, buttons and lists as Meta wants them.

use serde::Serialize;
use transom_core::content::ContactCard;
use transom_core::interactive::{Choice, Interactive, Menu};

/// A contact card.
#[derive(Serialize)]
pub(super) struct Card<'a> {
    name: Name<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phones: Vec<Number<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emails: Vec<Address<'a>>,
}

/// Meta wants one part of a name beside the whole.
#[derive(Serialize)]
struct Name<'a> {
    formatted_name: &'a str,
    first_name: &'a str,
}

#[derive(Serialize)]
struct Number<'a> {
    phone: &'a str,
    r#type: &'static str,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    r#type: &'static str,
}

pub(super) fn card(card: &ContactCard) -> Card<'_> {
    let phones = card.phones.iter().map(|phone| Number { phone, r#type: "CELL" });
    let emails = card.emails.iter().map(|email| Address { email, r#type: "WORK" });
    Card {
        name: Name { formatted_name: &card.name, first_name: &card.name },
        phones: phones.collect(),
        emails: emails.collect(),
    }
}

/// Buttons or a list.
#[derive(Serialize)]
pub(super) struct Composed<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<Header<'a>>,
    body: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<Words<'a>>,
    action: Action<'a>,
}

#[derive(Serialize)]
struct Header<'a> {
    r#type: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Words<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Action<'a> {
    Buttons { buttons: Vec<Button<'a>> },
    List { button: &'a str, sections: Vec<Part<'a>> },
}

#[derive(Serialize)]
struct Button<'a> {
    r#type: &'static str,
    reply: Row<'a>,
}

#[derive(Serialize)]
struct Part<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

fn row(choice: &Choice) -> Row<'_> {
    Row { id: &choice.id, title: &choice.title, description: choice.description.as_deref() }
}

fn list(menu: &Menu) -> Action<'_> {
    let sections = menu.sections.iter().map(|section| Part {
        title: &section.title,
        rows: section.rows.iter().map(row).collect(),
    });
    Action::List { button: &menu.button, sections: sections.collect() }
}

fn buttons(choices: &[Choice]) -> Action<'_> {
    let buttons = choices.iter().map(|choice| Button { r#type: "reply", reply: row(choice) });
    Action::Buttons { buttons: buttons.collect() }
}

pub(super) fn interactive(content: &Interactive) -> Composed<'_> {
    let (kind, action) = match &content.list {
        Some(menu) => ("list", list(menu)),
        None => ("button", buttons(&content.buttons)),
    };
    Composed {
        r#type: kind,
        header: content.header.as_deref().map(|text| Header { r#type: "text", text }),
        body: Words { text: &content.body },
        footer: content.footer.as_deref().map(|text| Words { text }),
        action,
    }
}

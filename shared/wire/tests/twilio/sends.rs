//! What is posted to Twilio.

use std::collections::BTreeMap;
use transom_core::account::Provider;
use transom_core::content::{ContactCard, Content, Media, TemplateUse};
use transom_core::identity::{Phone, User, UserId};
use transom_core::template::{Category, Template, TemplateStatus};
use transom_wire::{Credentials, Outbound, ProviderRequest, Reference, Unrenderable};

const REFERENCE: &str = "msg_abcdefghijklmnopqrstuvw2019aa0b1c2d30123456789ab.1";
const STATUS_URL: &str = "https://t.example/webhooks/twilio/main/status";

struct Send {
    account_sid: &'static str,
    base_url: &'static str,
    status_url: &'static str,
    to: User,
    content: Content,
    template: Option<Template>,
    link: Option<&'static str>,
    context: Option<&'static str>,
    link_preview: bool,
}

impl Send {
    fn new(content: Content) -> Self {
        Self {
            account_sid: "AC0123456789abcdef0123456789abcdef",
            base_url: "https://api.twilio.com",
            status_url: STATUS_URL,
            to: User::Phone(Phone::parse("+919876543210").unwrap()),
            content,
            template: None,
            link: None,
            context: None,
            link_preview: false,
        }
    }

    fn render(&self) -> Result<ProviderRequest, Unrenderable> {
        let credentials = Credentials::Twilio {
            account_sid: self.account_sid.to_owned(),
            auth_token: "token".to_owned(),
            previous_auth_token: None,
        };
        let outbound = Outbound {
            from: &Phone::parse("+14155238886").unwrap(),
            from_provider_id: None,
            to: &self.to,
            content: &self.content,
            template: self.template.as_ref(),
            link: self.link,
            context: self.context,
            link_preview: self.link_preview,
            reference: &Reference::parse(REFERENCE).unwrap(),
            status_url: self.status_url,
        };
        transom_wire::render(&credentials, self.base_url, &outbound)
    }

    fn field(&self, name: &str) -> Option<String> {
        let body = self.render().unwrap().body;
        form_urlencoded::parse(&body).find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
    }
}

/// The request as a person reads it: the wire, then the decoded fields.
fn shown(request: &ProviderRequest) -> String {
    let headers: Vec<String> = request.headers.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    let wire = String::from_utf8(request.body.clone()).unwrap();
    let fields: Vec<String> =
        form_urlencoded::parse(&request.body).map(|(k, v)| format!("  {k} = {v}")).collect();
    format!("POST {}\n{}\n\n{wire}\n\n{}", request.url, headers.join("\n"), fields.join("\n"))
}

fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

fn template(variables: &[(&str, &str)]) -> Send {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let used = TemplateUse {
        name: "order".to_owned(),
        language: Some("en".to_owned()),
        variables,
        header: None,
    };
    Send {
        template: Some(Template {
            status: TemplateStatus::Approved,
            provider_ref: Some("HX0123456789abcdef0123456789abcdef".to_owned()),
            ..Template::new("order", "en", Category::Utility, "Hi {{1}}, order {{2}}.")
        }),
        ..Send::new(Content::Template(used))
    }
}

#[test]
fn a_text() {
    let send = Send::new(text("Grüße & नमस्ते 👋\n100% = a+b"));
    insta::assert_snapshot!("text", shown(&send.render().unwrap()));
}

#[test]
fn a_template_with_variables() {
    let send = template(&[("1", "Test \"Customer\""), ("2", "42\n€")]);
    insta::assert_snapshot!("template", shown(&send.render().unwrap()));
}

#[test]
fn a_template_without_variables_has_no_field_for_them() {
    assert_eq!(template(&[]).field("ContentVariables"), None);
    assert_eq!(template(&[]).field("Body"), None);
}

#[test]
fn a_template_without_its_content_sid_names_the_remedy() {
    for provider_ref in [None, Some(String::new())] {
        let mut send = template(&[]);
        send.template.as_mut().unwrap().provider_ref = provider_ref;
        let error = send.render().unwrap_err().to_string();
        assert!(error.contains("`order` (en)") && error.contains("HX"), "{error}");
    }
    let mut undefined = template(&[]);
    undefined.template = None;
    assert!(undefined.render().is_err());
}

#[test]
fn a_user_is_written_to_by_number_where_there_is_one() {
    let phone = || Phone::parse("+919876543210").unwrap();
    let id = || UserId::parse("US.13491208655302741918").unwrap();
    let to = |to| Send { to, ..Send::new(text("x")) }.field("To").unwrap();
    assert_eq!(to(User::Both(phone(), id())), "whatsapp:+919876543210");
    assert_eq!(to(User::Id(id())), "whatsapp:US.13491208655302741918");
}

#[test]
fn the_reference_joins_whatever_query_there_is() {
    let callback =
        |status_url| Send { status_url, ..Send::new(text("x")) }.field("StatusCallback").unwrap();
    assert_eq!(callback(STATUS_URL), format!("{STATUS_URL}?ref={REFERENCE}"));
    assert_eq!(
        callback("https://t.example/s?a=1"),
        format!("https://t.example/s?a=1&ref={REFERENCE}")
    );
    assert_eq!(
        callback("https://t.example/s#rc=3"),
        format!("https://t.example/s?ref={REFERENCE}#rc=3")
    );
}

#[test]
fn the_account_cannot_leave_its_place_in_the_path() {
    let send =
        Send { account_sid: "../x?y#z", base_url: "http://localhost:1/", ..Send::new(text("x")) };
    let url = send.render().unwrap().url;
    assert_eq!(url, "http://localhost:1/2010-04-01/Accounts/%2E%2E%2Fx%3Fy%23z/Messages.json");
}

#[test]
fn m31_contact_cards_become_a_file_here_and_nowhere_else() {
    let card = ContactCard { name: "Ravi Rao".to_owned(), ..ContactCard::default() };
    let cards = Content::Contacts { contacts: vec![card], file: None };
    let made = transom_wire::made_file(Provider::Twilio, &cards).unwrap();
    assert_eq!((made.content_type, made.filename), ("text/vcard", "contact.vcf"));
    let file = String::from_utf8(made.bytes.clone()).unwrap();
    assert!(file.starts_with("BEGIN:VCARD\r\n") && file.contains("FN:Ravi Rao\r\n"), "{file}");
    assert_eq!(transom_wire::made_file(Provider::Twilio, &cards), Some(made), "the same again");
    for provider in [Provider::Gupshup, Provider::Meta] {
        assert_eq!(transom_wire::made_file(provider, &cards), None);
    }
    let came = Content::Contacts { contacts: Vec::new(), file: Some(Media::default()) };
    for content in [came, text("hi")] {
        assert_eq!(transom_wire::made_file(Provider::Twilio, &content), None);
    }
    let send = Send { link: Some("https://x.example/contact.vcf"), ..Send::new(cards) };
    assert_eq!(send.field("MediaUrl").as_deref(), send.link);
    assert_eq!(send.field("Body"), None);
}

#[test]
fn what_has_no_form_or_no_address_is_refused() {
    for content in [
        Content::Image(Media::default()),
        Content::Unsupported { kind: "poll".to_owned(), raw: BTreeMap::new() },
        Content::Button { text: "Yes".to_owned(), payload: None },
    ] {
        assert!(Send::new(content).render().is_err());
    }
}

#[test]
fn a_request_shows_no_secret_and_no_text() {
    let shown = format!("{:?}", Send::new(text("private")).render().unwrap());
    assert!(!shown.contains("private") && !shown.contains("Basic"), "{shown}");
}

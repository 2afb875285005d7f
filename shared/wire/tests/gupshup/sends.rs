//! What is posted to Gupshup.

use super::{phone, text, user_id};
use std::collections::BTreeMap;
use transom_core::content::{Content, Media, TemplateUse};
use transom_core::identity::User;
use transom_core::template::{Category, Template, TemplateStatus};
use transom_wire::gupshup::render;
use transom_wire::{Outbound, ProviderRequest, Reference, Unrenderable};

const REFERENCE: &str = "msg_abcdefghijklmnopqrstuvw2019aa0b1c2d30123456789ab.1";
const TEMPLATE_ID: &str = "c5ca3b9d-7e86-4a41-a6f3-20b1b4b0f7c2";

struct Send {
    base_url: &'static str,
    api_key: &'static str,
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
            base_url: "https://api.gupshup.io",
            api_key: "sk_0123456789",
            to: User::Phone(phone("+919876543210")),
            content,
            template: None,
            link: None,
            context: None,
            link_preview: false,
        }
    }

    fn render(&self) -> Result<ProviderRequest, Unrenderable> {
        let outbound = Outbound {
            from: &phone("+917834811114"),
            from_provider_id: None,
            to: &self.to,
            content: &self.content,
            template: self.template.as_ref(),
            link: self.link,
            context: self.context,
            link_preview: self.link_preview,
            reference: &Reference::parse(REFERENCE).unwrap(),
            status_url: "https://t.example/webhooks/gupshup/main/status",
        };
        render("Demo App", self.api_key, self.base_url, &outbound)
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

fn template(body: &str, variables: &[(&str, &str)]) -> Send {
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
            provider_ref: Some(TEMPLATE_ID.to_owned()),
            ..Template::new("order", "en", Category::Utility, body)
        }),
        ..Send::new(Content::Template(used))
    }
}

fn parameters(body: &str, variables: &[(&str, &str)]) -> serde_json::Value {
    let field = template(body, variables).field("template").unwrap();
    serde_json::from_str::<serde_json::Value>(&field).unwrap()["params"].clone()
}

#[test]
fn a_text() {
    let send = Send::new(text("Grüße & नमस्ते 👋\n100% = \"a+b\""));
    insta::assert_snapshot!("text", shown(&send.render().unwrap()));
}

#[test]
fn a_template_with_variables() {
    let send = template("Hi {{1}}, order {{2}}.", &[("1", "Test \"Customer\""), ("2", "42\n€")]);
    insta::assert_snapshot!("template", shown(&send.render().unwrap()));
}

#[test]
fn parameters_stand_in_the_order_of_their_placeholders() {
    assert_eq!(parameters("Hello.", &[]), serde_json::json!([]));
    let numbers: Vec<String> = (1..=11).map(|n| n.to_string()).collect();
    let body: String = numbers.iter().rev().map(|n| format!("{{{{{n}}}}} ")).collect();
    let pairs: Vec<(&str, &str)> = numbers.iter().map(|n| (n.as_str(), n.as_str())).collect();
    assert_eq!(parameters(&body, &pairs), serde_json::json!(numbers));
    let named = "{{ zone }} {{name}}, {{ZIP}} {{name}} {{ broken";
    let values = [("ZIP", "3"), ("name", "2"), ("zone", "1")];
    assert_eq!(parameters(named, &values), serde_json::json!(["1", "2", "3"]));
}

#[test]
fn a_template_that_cannot_be_filled_names_the_remedy() {
    for provider_ref in [None, Some(String::new())] {
        let mut send = template("Hello.", &[]);
        send.template.as_mut().unwrap().provider_ref = provider_ref;
        let error = send.render().unwrap_err().to_string();
        assert!(error.contains("`order` (en)") && error.contains("provider_ref"), "{error}");
    }
    let mut undefined = template("Hello.", &[]);
    undefined.template = None;
    assert!(undefined.render().is_err());
    let error = template("{{1}} {{2}}", &[("1", "a")]).render().unwrap_err().to_string();
    assert!(error.contains("`2`"), "{error}");
}

#[test]
fn a_user_is_written_to_by_number_alone() {
    let id = || user_id("US.13491208655302741918");
    let to = |to| Send { to, ..Send::new(text("x")) };
    let both = to(User::Both(phone("+919876543210"), id()));
    assert_eq!(both.field("destination").as_deref(), Some("919876543210"));
    assert!(to(User::Id(id())).render().is_err());
}

#[test]
fn the_base_url_may_end_in_a_slash() {
    let send = Send { base_url: "http://localhost:1/", ..Send::new(text("x")) };
    assert_eq!(send.render().unwrap().url, "http://localhost:1/wa/api/v1/msg");
}

#[test]
fn a_key_that_no_header_can_hold_is_refused() {
    for api_key in ["", "a b", "a\r\nx: y", "é"] {
        let error = Send { api_key, ..Send::new(text("x")) }.render().unwrap_err().to_string();
        assert!(error.contains("api_key") && !error.contains("x: y"), "{error}");
    }
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
    assert!(!shown.contains("private") && !shown.contains("sk_"), "{shown}");
}

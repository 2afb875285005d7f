//! What is posted to Meta.

use super::{id, phone};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use transom_core::content::{Content, Media, TemplateUse};
use transom_core::identity::User;
use transom_core::template::{Category, Template, TemplateStatus};
use transom_wire::{Outbound, ProviderRequest, Reference, Unrenderable, meta};

const REFERENCE: &str = "msg_abcdefghijklmnopqrstuvw2019aa0b1c2d30123456789ab.1";

struct Send {
    base_url: &'static str,
    number_id: Option<&'static str>,
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
            base_url: "https://graph.facebook.com",
            number_id: Some("106540352242922"),
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
            from: &phone("+15550783881"),
            from_provider_id: self.number_id,
            to: &self.to,
            content: &self.content,
            template: self.template.as_ref(),
            link: self.link,
            context: self.context,
            link_preview: self.link_preview,
            reference: &Reference::parse(REFERENCE).unwrap(),
            status_url: "https://t.example/webhooks/meta/main",
        };
        meta::render("token", self.base_url, &outbound)
    }

    fn body(&self) -> Value {
        serde_json::from_slice(&self.render().unwrap().body).unwrap()
    }

    fn error(&self) -> String {
        self.render().unwrap_err().to_string()
    }
}

/// The request as a person reads it.
fn shown(request: &ProviderRequest) -> String {
    let headers: Vec<String> = request.headers.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    let body = String::from_utf8(request.body.clone()).unwrap();
    format!("POST {}\n{}\n\n{body}", request.url, headers.join("\n"))
}

fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

fn template(category: Category, variables: &[(&str, &str)]) -> Send {
    let variables = super::map(variables);
    let used = TemplateUse { name: "order".to_owned(), language: None, variables, header: None };
    Send {
        template: Some(Template {
            status: TemplateStatus::Approved,
            provider_ref: None,
            ..Template::new("order", "en_US", category, "Hi {{1}}, order {{2}}.")
        }),
        ..Send::new(Content::Template(used))
    }
}

#[test]
fn a_text() {
    let send = Send::new(text("Grüße & नमस्ते 👋\n\"100%\" https://x.example"));
    insta::assert_snapshot!("text", shown(&send.render().unwrap()));
}

#[test]
fn a_text_to_a_user_whose_number_is_hidden() {
    let to = User::Id(id("US.13491208655302741918"));
    let send = Send { to, ..Send::new(text("hi")) };
    insta::assert_snapshot!("text_by_id", shown(&send.render().unwrap()));
}

#[test]
fn a_template_with_numbered_variables() {
    let send = template(Category::Utility, &[("1", "Test \"Customer\""), ("2", "42 €")]);
    insta::assert_snapshot!("template_numbered", shown(&send.render().unwrap()));
}

#[test]
fn a_template_with_named_variables() {
    let send = template(Category::Marketing, &[("name", "Asha"), ("order_id", "42")]);
    insta::assert_snapshot!("template_named", shown(&send.render().unwrap()));
}

#[test]
fn an_authentication_template_names_its_code_twice() {
    let send = template(Category::Authentication, &[("1", "J$FpnYnP")]);
    insta::assert_snapshot!("template_code", shown(&send.render().unwrap()));
    let hidden = Send { to: User::Id(id("US.1")), ..send };
    assert!(hidden.error().contains("phone numbers only"));
}

#[test]
fn a_template_without_variables_has_no_components() {
    let template = template(Category::Utility, &[]).body()["template"].clone();
    assert_eq!(template, json!({"name":"order","language":{"code":"en_US"}}));
}

#[test]
fn variables_stand_in_the_order_of_their_numbers() {
    let numbers: Vec<String> = (1..=12).map(|n| n.to_string()).collect();
    let pairs: Vec<(&str, &str)> = numbers.iter().map(|n| (n.as_str(), n.as_str())).collect();
    let body = template(Category::Utility, &pairs).body();
    let parameters = body["template"]["components"][0]["parameters"].as_array().unwrap();
    let texts: Vec<&str> = parameters.iter().map(|p| p["text"].as_str().unwrap()).collect();
    assert_eq!(texts, numbers);
    let mixed = template(Category::Utility, &[("1", "a"), ("name", "b")]).error();
    assert!(mixed.contains("`order`") && mixed.contains("numbers or names"), "{mixed}");
}

#[test]
fn a_template_needs_a_language_from_somewhere() {
    let mut send = template(Category::Utility, &[]);
    send.template = None;
    assert!(send.error().contains("`order` has no language"));
    let Content::Template(used) = &mut send.content else { panic!("no template") };
    used.language = Some("pt_BR".to_owned());
    assert_eq!(send.body()["template"]["language"]["code"], "pt_BR");
}

#[test]
fn f18_an_id_never_stands_in_the_numbers_place() {
    let address = |to| {
        let body = Send { to, ..Send::new(text("x")) }.body();
        (body.get("to").cloned(), body.get("recipient").cloned())
    };
    let by_id = || id("US.13491208655302741918");
    let number = Some(json!("+919876543210"));
    assert_eq!(address(User::Phone(phone("+919876543210"))), (number.clone(), None));
    assert_eq!(address(User::Both(phone("+919876543210"), by_id())), (number, None));
    assert_eq!(address(User::Id(by_id())), (None, Some(json!("US.13491208655302741918"))));
}

#[test]
fn the_base_url_may_name_the_version() {
    let url = |base_url| Send { base_url, ..Send::new(text("x")) }.render().unwrap().url;
    let expected = "https://graph.facebook.com/v26.0/106540352242922/messages";
    assert_eq!(url("https://graph.facebook.com/v26.0"), expected);
    assert_eq!(url("https://graph.facebook.com/v26.0/"), expected);
    let ours = "/v25.0/106540352242922/messages";
    for base in ["http://localhost:1", "http://localhost:1/", "http://h/vx.0", "http://h/v26"] {
        assert_eq!(url(base), format!("{}{ours}", base.trim_end_matches('/')));
    }
}

#[test]
fn f17_a_sender_without_its_id_names_the_remedy() {
    for number_id in [None, Some("")] {
        let error = Send { number_id, ..Send::new(text("x")) }.error();
        assert!(error.contains("provider_id") && error.contains("phone number ID"), "{error}");
    }
    let number_id = Some("../x?y#z");
    let url = Send { number_id, ..Send::new(text("x")) }.render().unwrap().url;
    assert_eq!(url, "https://graph.facebook.com/v25.0/%2E%2E%2Fx%3Fy%23z/messages");
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
    assert!(!shown.contains("private") && !shown.contains("Bearer"), "{shown}");
}

//! Whatever a template is filled with, its text is recognised as that template (M62).

use proptest::prelude::*;
use std::collections::BTreeMap;
use transom_core::template::matching::{Found, extract, find};
use transom_core::template::{Category, Template, TemplateStatus};

/// A part of a body: a wording, or a placeholder by its number.
#[derive(Debug, Clone)]
enum Part {
    Wording(String),
    Place(u8),
}

/// Bodies whose wordings hold a sign that no value holds: then only one filling makes a text.
fn body() -> impl Strategy<Value = Vec<Part>> {
    let wording = "[a-z ,.!é👋]{0,6}\\|[a-z ,.!é👋]{0,6}".prop_map(Part::Wording);
    let pair = (wording.clone(), 1..5_u8).prop_map(|(wording, n)| [wording, Part::Place(n)]);
    (proptest::collection::vec(pair, 0..6), wording)
        .prop_map(|(pairs, last)| pairs.into_iter().flatten().chain([last]).collect())
}

fn values() -> impl Strategy<Value = BTreeMap<String, String>> {
    let value = "[A-Za-z0-9é👋.,-]{1,8}( [A-Za-z0-9é👋.,-]{1,8}){0,2}";
    proptest::collection::vec(value, 4).prop_map(|values| {
        values.into_iter().enumerate().map(|(i, value)| ((i + 1).to_string(), value)).collect()
    })
}

fn written(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Wording(text) => text.clone(),
        Part::Place(n) => format!("{{{{{n}}}}}"),
    };
    parts.iter().map(part).collect()
}

fn approved(name: &str, body: &str) -> Template {
    let template = Template::new(name, "en", Category::Utility, body);
    Template { status: TemplateStatus::Approved, ..template }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn m62_a_filled_template_matches_itself_and_gives_its_values_back(
        parts in body(),
        values in values(),
    ) {
        let template = approved("t", &written(&parts));
        let text = template.filled(&values);
        let wanted: BTreeMap<String, String> =
            values.into_iter().filter(|(name, _)| template.placeholders().contains(name)).collect();
        prop_assert_eq!(extract(&template.body, &text), Some(wanted.clone()), "{:?}", &text);
        let Found::Match(found) = find(&text, &[template]) else {
            return Err(TestCaseError::fail(format!("not found: {text:?}")));
        };
        prop_assert_eq!(found.variables, wanted);
    }

    /// Where wordings may stand in values too, what is extracted still makes the very text.
    #[test]
    fn m62_what_is_extracted_makes_the_text_again(
        body in "([ab ]{0,3}(\\{\\{[12]\\}\\})?){0,5}",
        text in "[ab ]{0,12}",
    ) {
        if let Some(values) = extract(&body, &text) {
            let filled = approved("t", body.trim()).filled(&values);
            prop_assert_eq!(filled, text.trim());
        }
    }

    /// Nothing that anybody writes, or defines, makes the search fail or run for long.
    #[test]
    fn m62_anything_may_be_looked_up(body in ".{0,60}", text in ".{0,200}") {
        let _ = find(&text, &[approved("t", &body), approved("u", "{{1}} a {{1}} a {{2}}")]);
    }
}

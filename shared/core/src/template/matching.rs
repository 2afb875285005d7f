//! Whether a free text is an approved template's, filled (M56, M57, M62).
//!
//! A template that a person typed, or a system filled, is recognised by its wording alone: what
//! stands between its placeholders must stand in the text, letter by letter. Where it does not, the
//! nearest template is named, and the first place where the two differ.

use super::variables::{Part, parts};
use super::{Template, TemplateKind, TemplateStatus};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// At how many places of a text the end of a value is looked for before a template is given up: more
/// than any message needs, and few enough to be nothing.
const TRIES_MAX: u32 = 20_000;
/// The longest text that is looked up, in bytes: four times what any provider takes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The most words of a text and of a template that are compared for nearness.
const WORDS_MAX: usize = 400;
/// A text is near a template when, of a hundred of the template's own words, at least so many are
/// left after one was taken away for each word that would have to be changed, taken out or put in.
const NEAR_PERCENT: usize = 60;
/// The longest word that is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 40;
/// Spaces that a value may hold in a row.
const SPACES_MAX: &str = "    ";

/// What a text was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An approved template, filled.
    Match(Matched),
    /// None, but near one.
    Near(Nearest),
    /// Nothing that is like a template.
    Nothing,
}

/// A template that a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// Its place among the templates that were looked at.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// What fills its placeholders.
    pub variables: BTreeMap<String, String>,
}

/// The template that a text is like, and where the two differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nearest {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// Where the text differs, in words.
    pub differs: String,
}

/// Looks a text up among an account's templates: only approved ones whose text is all that a
/// message brings can be meant.
#[must_use]
pub fn find(text: &str, templates: &[Template]) -> Found {
    if text.len() > TEXT_BYTES_MAX {
        return Found::Nothing;
    }
    let candidates = || templates.iter().enumerate().filter(|(_, t)| can_be_meant(t));
    let matches = candidates().filter_map(|(index, template)| {
        let variables = extract(&template.body, text)?;
        Some((literal_chars(&template.body), index, template, variables))
    });
    // The most telling one: that with most of its own words. Of equals the first by name.
    let best = matches.max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    if let Some((_, index, template, variables)) = best {
        let (name, language) = (template.name.clone(), template.language.clone());
        return Found::Match(Matched { index, name, language, variables });
    }
    let words = words(text);
    let given: BTreeSet<&str> = words.iter().copied().collect();
    let compared = candidates().filter_map(|(index, template)| {
        let own = words_of(&template.body);
        if !may_be_near(&own, &given) {
            return None;
        }
        let compared = compare(&own, &words)?;
        Some((compared.percent, index, template, compared))
    });
    let nearest = compared.max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    match nearest {
        Some((percent, _, template, compared)) if percent >= NEAR_PERCENT => Found::Near(Nearest {
            name: template.name.clone(),
            language: template.language.clone(),
            differs: compared.differs,
        }),
        Some(_) | None => Found::Nothing,
    }
}

fn can_be_meant(template: &Template) -> bool {
    let only_body = template.slots().iter().all(|slot| slot.place == super::Place::Body);
    template.status == TemplateStatus::Approved
        && template.kind == TemplateKind::Text
        && only_body
        && literal_chars(&template.body) > 0
}

/// How many characters of a template are its own.
fn literal_chars(body: &str) -> usize {
    let own = parts(body).into_iter().map(|part| match part {
        Part::Literal(text) => text.chars().filter(|c| !c.is_whitespace()).count(),
        Part::Placeholder(_) => 0,
    });
    own.sum()
}

/// The values with which `body` becomes `text`, if there are any. Each is as short as it can be;
/// white space at the ends of the text does not count.
#[must_use]
pub fn extract(body: &str, text: &str) -> Option<BTreeMap<String, String>> {
    let parts = parts(body.trim());
    let named: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Placeholder(name) => Some(*name),
            Part::Literal(_) => None,
        })
        .collect();
    let repeats = named.iter().enumerate().any(|(i, name)| named.iter().take(i).any(|n| n == name));
    let mut search = Search { repeats, tries: TRIES_MAX, values: BTreeMap::new() };
    search.rest(&parts, text.trim()).then_some(search.values).map(|values| {
        values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    })
}

/// Where a value that begins with `text` may end: a value is not empty, on one line, and without a
/// long gap.
fn ends_of_value(text: &str) -> RangeInclusive<usize> {
    let first = text.char_indices().find(|(_, c)| !c.is_whitespace());
    let from = first.map_or(usize::MAX, |(at, c)| at.saturating_add(c.len_utf8()));
    let line = text.find(['\n', '\r', '\t']).unwrap_or(text.len());
    let gap = text.find(&format!("{SPACES_MAX} ")).map(|at| at.saturating_add(SPACES_MAX.len()));
    from..=line.min(gap.unwrap_or(text.len()))
}

struct Search<'a> {
    /// Whether a placeholder stands twice, so that the first place of a wording may be the wrong
    /// one.
    repeats: bool,
    tries: u32,
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Search<'a> {
    /// Whether the parts that are left become the text that is left.
    fn rest(&mut self, parts: &[Part<'a>], text: &'a str) -> bool {
        let Some((first, later)) = parts.split_first() else { return text.is_empty() };
        match first {
            Part::Literal(literal) => {
                text.strip_prefix(literal).is_some_and(|rest| self.rest(later, rest))
            }
            Part::Placeholder(name) => match self.values.get(name).copied() {
                Some(value) => text.strip_prefix(value).is_some_and(|rest| self.rest(later, rest)),
                None => self.fill(name, later, text),
            },
        }
    }

    fn fill(&mut self, name: &'a str, later: &[Part<'a>], text: &'a str) -> bool {
        let until = match later.first() {
            None => {
                let fits = ends_of_value(text).contains(&text.len());
                return fits && self.take(name, text, later, "");
            }
            Some(Part::Literal(literal)) => Some(*literal),
            Some(Part::Placeholder(_)) => None,
        };
        let possible = ends_of_value(text);
        let ends = text.char_indices().skip(1).map(|(at, _)| at).chain([text.len()]);
        // The last wording must end the text: only its last place counts.
        let is_last = later.len() == 1;
        for end in ends {
            self.tries = self.tries.saturating_sub(1);
            if self.tries == 0 || end > *possible.end() {
                return false;
            }
            let (Some(value), Some(rest)) = (text.get(..end), text.get(end..)) else { continue };
            let fits = match until {
                Some(literal) if is_last => rest == literal,
                Some(literal) => rest.starts_with(literal),
                None => true,
            };
            if !fits || !possible.contains(&end) {
                continue;
            }
            if self.take(name, value, later, rest) {
                return true;
            }
            if !self.repeats && until.is_some() {
                // Without repeats the first place of a wording is as good as any.
                return false;
            }
        }
        false
    }

    fn take(&mut self, name: &'a str, value: &'a str, later: &[Part<'a>], rest: &'a str) -> bool {
        self.values.insert(name, value);
        if self.rest(later, rest) {
            return true;
        }
        self.values.remove(name);
        false
    }
}

/// How a text and a template compare.
struct Compared {
    percent: usize,
    differs: String,
}

/// A word of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'a> {
    /// One of its own.
    Own(&'a str),
    /// One or more of a message's.
    Any,
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().take(WORDS_MAX).collect()
}

/// A template's words; a word with a placeholder in it is a message's.
fn words_of(body: &str) -> Vec<Word<'_>> {
    let mut found: Vec<Word<'_>> = Vec::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((_, tail)) = after.split_once("}}") else { break };
        let glued_before = !before.is_empty() && !before.ends_with(char::is_whitespace);
        let glued_after = !tail.is_empty() && !tail.starts_with(char::is_whitespace);
        found.extend(before.split_whitespace().map(Word::Own));
        if glued_before {
            found.pop();
        }
        if found.last() != Some(&Word::Any) {
            found.push(Word::Any);
        }
        rest = match tail.split_once(char::is_whitespace) {
            Some((_, later)) if glued_after && !tail.starts_with("{{") => later,
            None if glued_after && !tail.contains("{{") => "",
            Some(_) | None => tail,
        };
    }
    found.extend(rest.split_whitespace().map(Word::Own));
    found.truncate(WORDS_MAX);
    found
}

/// Whether enough of a template's own words stand in a text at all, in whatever order: most
/// templates are told from a text by that, and only the others are worth comparing.
fn may_be_near(template: &[Word<'_>], given: &BTreeSet<&str>) -> bool {
    let stands = |word: &Word<'_>| match word {
        Word::Own(own) => Some(given.contains(own)),
        Word::Any => None,
    };
    let own: Vec<bool> = template.iter().filter_map(stands).collect();
    let standing = own.iter().filter(|stands| **stands).count();
    standing.saturating_mul(100) >= own.len().saturating_mul(NEAR_PERCENT)
}

/// Compares by the fewest words that would have to be changed, taken out or put in; `None` for a
/// template without words of its own.
fn compare(template: &[Word<'_>], text: &[&str]) -> Option<Compared> {
    let own = template.iter().filter(|word| **word != Word::Any).count();
    if own == 0 || text.is_empty() {
        return None;
    }
    let width = text.len().saturating_add(1);
    // costs[i][j]: what it takes to make the template's words from i on from the text's from j on.
    let mut costs = vec![vec![0_usize; width]; template.len().saturating_add(1)];
    let at = |costs: &[Vec<usize>], i: usize, j: usize| -> usize {
        costs.get(i).and_then(|row| row.get(j)).copied().unwrap_or(usize::MAX / 2)
    };
    for i in (0..=template.len()).rev() {
        for j in (0..=text.len()).rev() {
            let cost = match (template.get(i), text.get(j)) {
                (None, None) => 0,
                (None, Some(_)) => text.len().saturating_sub(j),
                (Some(_), None) => at(&costs, i.saturating_add(1), j).saturating_add(1),
                (Some(word), Some(given)) => step(*word, given, &costs, i, j, &at),
            };
            if let Some(place) = costs.get_mut(i).and_then(|row| row.get_mut(j)) {
                *place = cost;
            }
        }
    }
    let cost = at(&costs, 0, 0);
    let percent = own.saturating_sub(cost.min(own)).saturating_mul(100).checked_div(own)?;
    Some(Compared { percent, differs: first_difference(template, text, &costs, &at) })
}

fn step(
    word: Word<'_>,
    given: &str,
    costs: &[Vec<usize>],
    i: usize,
    j: usize,
    at: &impl Fn(&[Vec<usize>], usize, usize) -> usize,
) -> usize {
    let (down, right) = (i.saturating_add(1), j.saturating_add(1));
    match word {
        // It takes one word or more.
        Word::Any => at(costs, down, right)
            .min(at(costs, i, right))
            .min(at(costs, down, j).saturating_add(1)),
        Word::Own(own) => {
            let changed = usize::from(own != given);
            at(costs, down, right)
                .saturating_add(changed)
                .min(at(costs, down, j).saturating_add(1))
                .min(at(costs, i, right).saturating_add(1))
        }
    }
}

/// The first place where a template and a text part.
fn first_difference(
    template: &[Word<'_>],
    text: &[&str],
    costs: &[Vec<usize>],
    at: &impl Fn(&[Vec<usize>], usize, usize) -> usize,
) -> String {
    let (mut i, mut j) = (0_usize, 0_usize);
    // Each turn moves at least one of the two on.
    for _ in 0..=template.len().saturating_add(text.len()) {
        let (down, right) = (i.saturating_add(1), j.saturating_add(1));
        let here = at(costs, i, j);
        match (template.get(i), text.get(j)) {
            (None, None) => break,
            (None, Some(given)) => {
                return format!("the template ends where the text goes on with {}", quoted(given));
            }
            (Some(Word::Own(own)), None) => {
                return format!("the text ends before {} of the template", quoted(own));
            }
            (Some(Word::Any), None) => {
                return "the text ends before the template's last value".to_owned();
            }
            (Some(Word::Any), Some(_)) => {
                if here == at(costs, down, right) {
                    (i, j) = (down, right);
                } else if here == at(costs, i, right) {
                    j = right;
                } else {
                    return format!("a value is missing at word {}", right);
                }
            }
            (Some(Word::Own(own)), Some(given)) => {
                if own == given {
                    (i, j) = (down, right);
                } else if here == at(costs, down, right).saturating_add(1) {
                    let (own, given) = (quoted(own), quoted(given));
                    return format!("word {right} is {given}, the template has {own}");
                } else if here == at(costs, down, j).saturating_add(1) {
                    return format!("{} is missing at word {right}", quoted(own));
                } else {
                    return format!("{} at word {right} is not in the template", quoted(given));
                }
            }
        }
    }
    "the words are the template's, their spaces or line breaks are not".to_owned()
}

fn quoted(word: &str) -> String {
    let shown: String = word.chars().take(QUOTED_CHARS_MAX).collect();
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Button, Category, Header};

    fn approved(name: &str, body: &str) -> Template {
        let template = Template::new(name, "en", Category::Utility, body);
        Template { status: TemplateStatus::Approved, ..template }
    }

    fn values(body: &str, text: &str) -> Option<Vec<(String, String)>> {
        extract(body, text).map(|values| values.into_iter().collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn m62_a_filled_template_gives_its_values_back() {
        let body = "Hello {{1}}, your order {{2}} is ready.";
        let text = "Hello Asha Rao, your order A-42 is ready.";
        assert_eq!(values(body, text), pairs(&[("1", "Asha Rao"), ("2", "A-42")]));
        assert_eq!(
            values(body, &format!("  {text}\n")),
            pairs(&[("1", "Asha Rao"), ("2", "A-42")])
        );
        for text in [
            "Hello Asha, your order 42 is ready",
            "Hello , your order 42 is ready.",
            "hello Asha, your order 42 is ready.",
            "Hello Asha, your order 42 is ready. Bye",
            "Hello Asha,  your order 42 is ready.",
            "Hello As\nha, your order 42 is ready.",
            "",
        ] {
            assert_eq!(values(body, text), None, "{text:?}");
        }
        assert_eq!(values("Hi", "Hi"), pairs(&[]));
        assert_eq!(values("{{1}}", "Hi"), pairs(&[("1", "Hi")]));
        assert_eq!(values("{{1}}{{2}}", "é👋"), pairs(&[("1", "é"), ("2", "👋")]));
        assert_eq!(values("a {{1}} a", "a a a a a"), pairs(&[("1", "a a a")]));
    }

    #[test]
    fn a_placeholder_that_stands_twice_has_one_value() {
        let body = "{{1}} and {{1}}";
        assert_eq!(values(body, "x and x"), pairs(&[("1", "x")]));
        assert_eq!(values(body, "x and y"), None);
        assert_eq!(values(body, "a and a and a and a"), pairs(&[("1", "a and a")]));
        let body = "{{1}}{{2}}{{3}}{{1}}";
        assert_eq!(values(body, &"ab".repeat(3)), pairs(&[("1", "ab"), ("2", "a"), ("3", "b")]));
        // Nobody waits for a text that was made to take long: it is given up.
        assert_eq!(values(body, &"ab".repeat(2000)), None);
    }

    #[test]
    fn m62_a_value_holds_four_spaces_in_a_row_at_most() {
        for (count, fits) in [(3, true), (4, true), (5, false)] {
            let text = format!("Hi A{}B", " ".repeat(count));
            assert_eq!(values("Hi {{1}}", &text).is_some(), fits, "{count}");
        }
    }

    #[test]
    fn m62_a_text_is_looked_up_to_16_kibibytes() {
        let templates = [approved("hi", "Hi {{1}}")];
        let max = 16 * 1024;
        for (length, found) in [(max - 1, true), (max, true), (max + 1, false)] {
            let text = format!("Hi {}", "a".repeat(length - 3));
            assert_eq!(find(&text, &templates) != Found::Nothing, found, "{length}");
        }
    }

    #[test]
    fn m62_near_is_what_keeps_60_words_of_a_hundred() {
        let word = |n: usize| format!("word{n}");
        let body = (0..100).map(word).collect::<Vec<_>>().join(" ");
        let templates = [approved("hundred", &body)];
        for (changed, near) in [(39, true), (40, true), (41, false)] {
            let given = (0..100).map(|n| if n < changed { format!("other{n}") } else { word(n) });
            let text = given.collect::<Vec<_>>().join(" ");
            let found = find(&text, &templates);
            assert_eq!(matches!(found, Found::Near(_)), near, "{changed}: {found:?}");
        }
    }

    #[test]
    fn the_most_telling_match_counts() {
        let templates = [
            approved("any", "Hello {{1}}"),
            approved("order", "Hello {{1}}, order {{2}} is ready"),
            approved("paused", "Hello Asha, order 42 is ready"),
        ];
        let mut templates = templates.to_vec();
        templates[2].status = TemplateStatus::Paused;
        let Found::Match(found) = find("Hello Asha, order 42 is ready", &templates) else {
            panic!("a match")
        };
        assert_eq!((found.index, found.name.as_str()), (1, "order"));
        assert_eq!(found.variables["2"], "42");
    }

    #[test]
    fn only_a_template_of_a_text_alone_can_be_meant() {
        let mut template = approved("t", "Hi {{1}}");
        let is_found = |template: &Template| {
            matches!(find("Hi Asha", std::slice::from_ref(template)), Found::Match(_))
        };
        assert!(is_found(&template));
        template.header = Some(Header::Text { text: "Acme".into() });
        template.buttons = vec![Button::QuickReply { text: "Yes".into(), payload: None }];
        assert!(is_found(&template), "what needs no value may stand around it");
        template.header = Some(Header::Text { text: "{{1}}".into() });
        assert!(!is_found(&template));
        let blank = approved("t", "{{1}}");
        assert!(!is_found(&blank), "a template that is anything is nothing");
    }

    #[test]
    fn m62_the_nearest_template_is_named_with_the_first_difference() {
        let templates = [
            approved("order_ready", "Hello {{1}}, your order {{2}} is ready."),
            approved("visit", "Your visit on {{1}} at {{2}} is confirmed"),
        ];
        for (text, name, differs) in [
            (
                "Hello Asha, your parcel 42 is ready.",
                "order_ready",
                "word 4 is `parcel`, the template has `order`",
            ),
            (
                "Hello Asha, your order 42 is now ready.",
                "order_ready",
                "`now` at word 7 is not in the template",
            ),
            (
                "Hello Asha, your order 42 is",
                "order_ready",
                "the text ends before `ready.` of the template",
            ),
            (
                "Hello Asha, your order 42 is ready. Bye",
                "order_ready",
                "the template ends where the text goes on with `Bye`",
            ),
            (
                "Your visit on Monday at 9 is  confirmed",
                "visit",
                "the words are the template's, their spaces or line breaks are not",
            ),
        ] {
            let Found::Near(nearest) = find(text, &templates) else { panic!("near: {text}") };
            assert_eq!(
                (nearest.name.as_str(), nearest.differs.as_str()),
                (name, differs),
                "{text}"
            );
        }
        for text in ["On its way.", "Where is my order?", "Hello", "👋", ""] {
            assert_eq!(find(text, &templates), Found::Nothing, "{text}");
        }
        assert_eq!(find("Hello", &[]), Found::Nothing);
    }
}

//! The whole state of a World in a form in which two runs can be compared: everything that stands
//! in the tables, what providers took, what subscribers heard, with the ids of chance replaced by
//! names and every time by the hour it lies in.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use transom_core::time::Timestamp;
use transom_testkit::World;
use transom_testkit::world::BEGINNING;

const HOUR_MS: i64 = 3_600_000;

/// What depends on how often something was tried, and on when it was looked at.
/// The answer that is kept for a repeat is among them: who could not take a place is answered 202,
/// and his refusal comes just before the call.
const VOLATILE: [&str; 7] = ["q", "ck", "tries", "seconds_left", "shown", "answer", "wn"];

/// A final state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// What providers took, in order.
    pub(super) taken: Vec<String>,
    /// Everything else, a line for each item, each event, and the places of the limit.
    pub(super) rest: Vec<String>,
}

/// How a World stands.
pub(super) async fn of(world: &World) -> State {
    let sessions = world.house.contents(&table(world, "sessions")).await.unwrap();
    let limits = world.house.contents(&table(world, "limits")).await.unwrap();
    let names = Names::of(world, &sessions);
    let items = sessions.iter().chain(&limits).map(|item| {
        let mut item = item.clone();
        if item["sk"] == "RECORD" {
            item["status"] = json!("answered");
        }
        // A hold that has passed holds nothing; the next send takes it away.
        let held = item["out_not_before"].as_i64();
        if held.is_some_and(|until| until <= world.now().as_millis())
            && let Some(fields) = item.as_object_mut()
        {
            fields.remove("out_not_before");
        }
        // What a person booked has a name by chance.
        if item["pk"].as_str().is_some_and(|pk| pk.starts_with("WALLET#"))
            && let Some(fields) = item.as_object_mut()
        {
            fields.remove("hash");
            for field in ["id", "sk"] {
                let by_chance = |text: &str| text.starts_with("ent_") || text.starts_with("K#");
                if fields.get(field).and_then(Value::as_str).is_some_and(by_chance) {
                    fields.insert(field.to_owned(), json!("by a person"));
                }
            }
        }
        // How often a file was tried, and where chance has put it.
        if item["sk"].as_str().is_some_and(|sk| sk.starts_with("F#"))
            && let Some(fields) = item.as_object_mut()
        {
            fields.retain(|name, _| !["n", "u", "i"].contains(&name.as_str()));
        }
        names.plain(&item).to_string()
    });
    let mut rest: Vec<String> = items.chain(heard(world, &names)).collect();
    rest.sort();
    let taken = world.sandbox().outbox();
    let taken = taken
        .iter()
        .map(|e| format!("provider took {:?} {:?} {:?} {:?}", e.to, e.kind, e.body, e.content_sid))
        .collect();
    let limit = world.get("/v1/senders/support/limit").await.body;
    rest.push(format!("places used: {}", limit["used"]));
    State { taken, rest }
}

impl State {
    /// Whether a line of it holds `text`.
    pub(super) fn shows(&self, text: &str) -> bool {
        self.rest.iter().any(|line| line.contains(text))
    }

    /// The same without telling the provider's ids apart.
    pub(super) fn without_the_providers_ids(self) -> Self {
        let plain = |line: String| {
            (0..self.taken.len())
                .fold(line, |line, n| line.replace(&format!("sent{n}\""), "sent\""))
        };
        let mut rest: Vec<String> = self.rest.into_iter().map(plain).collect();
        rest.sort();
        Self { taken: self.taken, rest }
    }

    /// What differs, line by line.
    pub(super) fn difference(&self, found: &Self) -> String {
        let lines = |state: &Self| [state.taken.clone(), state.rest.clone()].concat();
        let (expected, found) = (lines(self), lines(found));
        let count = |lines: &[String], line: &String| lines.iter().filter(|l| *l == line).count();
        let beyond = |a: &[String], b: &[String], sign: &str| -> Vec<String> {
            let more = a.iter().filter(|l| count(a, l) > count(b, l));
            more.map(|l| format!("  {sign} {l}")).collect()
        };
        [beyond(&expected, &found, "-"), beyond(&found, &expected, "+")].concat().join("\n")
    }
}

/// Each event once, by its id.
fn heard(world: &World, names: &Names) -> Vec<String> {
    let mut by_id = BTreeMap::new();
    for heard in world.subscriber.heard() {
        assert_eq!(heard.headers["webhook-id"], heard.id());
        let first = by_id.entry(heard.id().to_owned()).or_insert_with(|| heard.body.clone());
        assert_eq!(first["type"], heard.body["type"], "one id, one kind");
    }
    by_id.values().map(|body| names.plain(body).to_string()).collect()
}

fn table(world: &World, name: &str) -> String {
    let mut tables = world.house.template().tables.iter().map(|t| t.name.clone());
    tables.find(|t| t.ends_with(name)).unwrap()
}

/// The names that stand for what chance has made.
struct Names(Vec<(String, String)>);

impl Names {
    fn of(world: &World, sessions: &[Value]) -> Self {
        let text = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
        let mut conversations: Vec<(String, String)> = sessions
            .iter()
            .filter(|i| i["sk"] == "SESSION")
            .map(|i| {
                let who =
                    format!("{} {} {}", text(i, "number"), text(i, "phone"), text(i, "user_id"));
                (who, text(i, "pk").replace("C#", ""))
            })
            .collect();
        conversations.sort();
        let mut names = Vec::new();
        for (n, (_, hash)) in conversations.iter().enumerate() {
            let pk = format!("C#{hash}");
            let messages = sessions.iter().filter(|i| i["pk"] == pk.as_str());
            let mut sortables: Vec<String> = messages
                .filter_map(|i| text(i, "sk").strip_prefix("M#").map(str::to_owned))
                .collect();
            sortables.sort();
            for (m, sortable) in sortables.into_iter().enumerate() {
                names.push((sortable, format!("message{n}.{m}")));
            }
        }
        for (n, (_, hash)) in conversations.into_iter().enumerate() {
            names.push((hash, format!("conversation{n}")));
        }
        for (n, sent) in world.sandbox().outbox().into_iter().enumerate() {
            names.push((sent.sid, format!("sent{n}")));
        }
        Self(names)
    }

    fn plain(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut plain = Map::new();
                for (name, value) in fields {
                    if name.ends_with("_shard") {
                        plain.insert(name.clone(), json!("…"));
                    } else if !VOLATILE.contains(&name.as_str()) {
                        plain.insert(self.text(name), self.plain(value));
                    }
                }
                Value::Object(plain)
            }
            Value::Array(list) => list.iter().map(|v| self.plain(v)).collect(),
            Value::Number(number) => match number.as_i64() {
                Some(n) if n > 1_600_000_000_000 => json!(hour(n)),
                Some(n) if n > 1_600_000_000 => json!(hour(n * 1000)),
                _ => value.clone(),
            },
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                // JSON in a text: bodies that wait, data of stored events.
                Ok(inner @ Value::Object(_)) => self.plain(&inner),
                _ => json!(self.text(text)),
            },
            Value::Bool(_) | Value::Null => value.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        if let Ok(at) = Timestamp::parse_rfc3339(text) {
            return hour(at.as_millis());
        }
        let mut plain = text.to_owned();
        for (from, to) in &self.0 {
            plain = plain.replace(from, to);
        }
        nameless(&plain)
    }
}

/// Ids that are hashes, of which only the kind is kept.
fn nameless(text: &str) -> String {
    for prefix in ["evt_", "U#", "I#", "wamid.", "SM"] {
        if text.starts_with(prefix) {
            return format!("{prefix}…");
        }
    }
    for prefix in ["E#", "J#", "D#"] {
        if let Some(rest) = text.strip_prefix(prefix)
            && !rest.starts_with("sent")
            && rest.len() > 2
        {
            return format!("{prefix}…");
        }
    }
    text.to_owned()
}

fn hour(ms: i64) -> String {
    format!("hour {}", (ms - BEGINNING).div_euclid(HOUR_MS))
}

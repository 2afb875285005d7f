//! The engines behind the real SDK clients, on the real template.

use super::dynamo::DynamoEngine;
use super::queue::QueueEngine;
use super::{dynamo_client, queue_client};
use crate::template::{DeadLetter, Queue, Template};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, SendMessageBatchRequestEntry};
use std::path::{Path, PathBuf};

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("transom-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // a leftover folder harms no test
    }
}

fn template() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    Template::load(&path).expect("the real template")
}

/// Sends and receives on one queue.
struct Client {
    sdk: aws_sdk_sqs::Client,
    url: String,
}

impl Client {
    fn new(engine: &QueueEngine, queue: &str) -> Self {
        Self { sdk: queue_client(engine.endpoint()), url: engine.queue_url(queue) }
    }

    async fn send(&self, group: &str, body: &str) -> String {
        let sent = self.sdk.send_message().queue_url(&self.url).message_body(body);
        let sent = sent.message_group_id(group).message_deduplication_id(body);
        let sent = sent.send().await.expect("a send");
        sent.message_id().expect("an id").to_owned()
    }

    async fn receive(&self) -> Vec<Message> {
        let received = self.sdk.receive_message().queue_url(&self.url).max_number_of_messages(10);
        received.send().await.expect("a receive").messages.unwrap_or_default()
    }

    async fn delete(&self, message: &Message) {
        let handle = message.receipt_handle().expect("a handle");
        let delete = self.sdk.delete_message().queue_url(&self.url).receipt_handle(handle);
        delete.send().await.expect("a delete");
    }

    /// Makes a received message visible again.
    async fn release(&self, message: &Message) {
        let handle = message.receipt_handle().expect("a handle");
        let change = self.sdk.change_message_visibility().queue_url(&self.url);
        let change = change.receipt_handle(handle).visibility_timeout(0);
        change.send().await.expect("a release");
    }

    /// Receives and deletes until nothing comes any more.
    async fn drain(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let messages = self.receive().await;
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(body(&message));
                self.delete(&message).await;
            }
        }
    }
}

fn body(message: &Message) -> String {
    message.body().unwrap_or_default().to_owned()
}

async fn queues(journal: Option<&Path>) -> QueueEngine {
    let engine = QueueEngine::start(journal).await.expect("an engine");
    engine.create_queues(&template().queues).await.expect("the queues");
    engine
}

const REPLIES: &str = "transom-replies.fifo";

#[tokio::test]
async fn the_tables_of_the_template_hold_items() {
    let engine = DynamoEngine::start(None).await.expect("an engine");
    let tables = template().tables;
    engine.create_tables(&tables).await.expect("the tables");
    engine.create_tables(&tables).await.expect("the tables, which exist by now");
    let client = dynamo_client(engine.endpoint());
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = client.put_item().table_name("transom-sessions");
    let put = put.item("pk", text("C#1")).item("sk", text("SESSION"));
    let put = put.item("due_shard", text("0")).item("due_at", AttributeValue::N("7".to_owned()));
    put.send().await.expect("a put");
    let get = client.get_item().table_name("transom-sessions");
    let got = get.key("pk", text("C#1")).key("sk", text("SESSION")).send().await.expect("a get");
    assert_eq!(got.item().expect("the item")["due_shard"], text("0"));
    let due = client.query().table_name("transom-sessions").index_name("due");
    let due = due.key_condition_expression("due_shard = :s AND due_at <= :t");
    let due = due.expression_attribute_values(":s", text("0"));
    let due = due.expression_attribute_values(":t", AttributeValue::N("8".to_owned()));
    assert_eq!(due.send().await.expect("a query").count(), 1);
    assert_eq!(engine.sweep_expired().expect("a sweep"), 0);
}

#[tokio::test]
async fn tables_in_a_file_survive_and_keep_their_keys() {
    let folder = Folder::new("tables");
    let file = folder.file("tables.db");
    let mut tables = template().tables;
    let engine = DynamoEngine::start(Some(&file)).await.expect("an engine");
    engine.create_tables(&tables).await.expect("the tables");
    engine.stop().await.expect("a stop");
    let engine = DynamoEngine::start(Some(&file)).await.expect("a second engine");
    engine.create_tables(&tables).await.expect("the same tables");
    tables[2].global_indexes[0].name = "other".to_owned();
    let error = engine.create_tables(&tables).await.expect_err("other indexes");
    let error = format!("{error:#}");
    for part in ["transom-sessions", "global index due", "global index other", "data folder"] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[tokio::test]
async fn a_dropped_engine_answers_no_more() {
    let tables = DynamoEngine::start(None).await.expect("an engine");
    let queues = queues(None).await;
    let addresses = [tables.endpoint().to_owned(), queues.endpoint().to_owned()];
    drop((tables, queues));
    for address in addresses {
        let address = address.trim_start_matches("http://");
        // The tasks end at their next turn, which comes before long.
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_group_keeps_its_order() {
    let engine = queues(None).await;
    let client = Client::new(&engine, REPLIES);
    for message in ["a1", "a2", "b1"] {
        client.send(&message[..1], message).await;
    }
    let first = client.receive().await;
    assert_eq!(first.iter().map(body).collect::<Vec<_>>(), ["a1", "b1"]);
    assert!(client.receive().await.is_empty(), "both groups are held");
    client.delete(&first[0]).await;
    assert_eq!(client.receive().await.iter().map(body).collect::<Vec<_>>(), ["a2"]);
}

#[tokio::test]
async fn what_was_not_deleted_comes_again_after_a_restart() {
    let folder = Folder::new("restart");
    let file = folder.file("queues.db");
    let engine = queues(Some(&file)).await;
    let client = Client::new(&engine, REPLIES);
    for message in ["a1", "a2", "a3", "b1", "b2"] {
        client.send(&message[..1], message).await;
    }
    let first = client.receive().await; // a1 and b1
    client.delete(&first[0]).await; // a1 is done, b1 is in someone's hands
    drop(engine);

    let engine = queues(Some(&file)).await;
    let client = Client::new(&engine, REPLIES);
    let bodies = client.drain().await;
    let of = |group| bodies.iter().filter(|body| body.starts_with(group)).collect::<Vec<_>>();
    assert_eq!(of('a'), ["a2", "a3"]);
    assert_eq!(of('b'), ["b1", "b2"]);
    drop(engine);

    let engine = queues(Some(&file)).await;
    assert!(Client::new(&engine, REPLIES).drain().await.is_empty());
}

#[tokio::test]
async fn a_repeated_send_is_one_message_before_and_after_a_restart() {
    let folder = Folder::new("repeat");
    let file = folder.file("queues.db");
    let engine = queues(Some(&file)).await;
    let client = Client::new(&engine, REPLIES);
    assert_eq!(client.send("a", "a1").await, client.send("a", "a1").await);
    drop(engine);
    let engine = queues(Some(&file)).await;
    let client = Client::new(&engine, REPLIES);
    client.send("a", "a1").await; // a sender that had no answer before the crash
    assert_eq!(client.drain().await, ["a1"]);
}

#[tokio::test]
async fn two_messages_of_one_deduplication_id_stay_two() {
    let folder = Folder::new("two");
    let file = folder.file("queues.db");
    let journal = crate::journal::Journal::open(&file).expect("a journal");
    let request = |body| serde_json::json!({"MessageBody": body, "MessageGroupId": "a", "MessageDeduplicationId": "x"});
    journal.append(REPLIES, &[request("a1"), request("a2")]).expect("rows");
    drop(journal);
    let engine = queues(Some(&file)).await;
    assert_eq!(Client::new(&engine, REPLIES).drain().await, ["a1", "a2"]);
}

#[tokio::test]
async fn a_void_receipt_handle_deletes_nothing() {
    let folder = Folder::new("void");
    let file = folder.file("queues.db");
    let engine = queues(Some(&file)).await;
    let client = Client::new(&engine, REPLIES);
    client.send("a", "a1").await;
    let message = client.receive().await.remove(0);
    client.release(&message).await;
    client.delete(&message).await; // the engine says yes and keeps it
    drop(engine);
    let engine = queues(Some(&file)).await;
    assert_eq!(Client::new(&engine, REPLIES).drain().await, ["a1"]);
}

#[tokio::test]
async fn a_batch_that_partly_fails_is_journaled_in_part() {
    let folder = Folder::new("batch");
    let file = folder.file("queues.db");
    let engine = queues(Some(&file)).await;
    let client = Client::new(&engine, REPLIES);
    let entry = |id: &str, group: Option<&str>| {
        SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body(id)
            .message_deduplication_id(id)
            .set_message_group_id(group.map(str::to_owned))
            .build()
            .expect("an entry")
    };
    let entries = vec![entry("a1", Some("a")), entry("bad", None), entry("b1", Some("b"))];
    let sent = client.sdk.send_message_batch().queue_url(&client.url).set_entries(Some(entries));
    let sent = sent.send().await.expect("a partial answer");
    assert_eq!((sent.successful().len(), sent.failed().len()), (2, 1));
    assert_eq!(sent.failed()[0].id(), "bad");

    let received = client.receive().await;
    let entries = received[..1].iter().map(|message| {
        let entry = DeleteMessageBatchRequestEntry::builder().id("1");
        let entry = entry.receipt_handle(message.receipt_handle().expect("a handle"));
        entry.build().expect("an entry")
    });
    let delete = client.sdk.delete_message_batch().queue_url(&client.url);
    delete.set_entries(Some(entries.collect())).send().await.expect("a delete");
    drop(engine);
    let engine = queues(Some(&file)).await;
    assert_eq!(Client::new(&engine, REPLIES).drain().await, ["b1"]);
}

/// A queue that gives up on a message after its first receive.
fn impatient() -> Vec<Queue> {
    let mut queues = template().queues;
    queues.retain(|queue| queue.name.contains("replies"));
    for queue in &mut queues {
        if let Some(DeadLetter { max_receive_count, .. }) = &mut queue.dead_letter {
            *max_receive_count = 1;
        }
    }
    queues
}

#[tokio::test]
async fn a_dead_letter_stays_accounted_for() {
    let folder = Folder::new("dead");
    let file = folder.file("queues.db");
    let dead = |engine: &QueueEngine| Client::new(engine, "transom-replies-dead.fifo");
    let fail = async |engine: &QueueEngine| {
        let client = Client::new(engine, REPLIES);
        let message = client.receive().await.remove(0);
        client.release(&message).await;
        assert!(client.receive().await.is_empty(), "it is moved instead of received");
        loop {
            // The move is a message between two actors of the engine.
            if let Some(moved) = dead(engine).receive().await.pop() {
                return moved;
            }
        }
    };
    let engine = QueueEngine::start(Some(&file)).await.expect("an engine");
    engine.create_queues(&impatient()).await.expect("the queues");
    Client::new(&engine, REPLIES).send("a", "a1").await;
    assert_eq!(body(&fail(&engine).await), "a1");
    drop(engine);

    let engine = QueueEngine::start(Some(&file)).await.expect("a second engine");
    engine.create_queues(&impatient()).await.expect("the queues");
    let moved = fail(&engine).await;
    dead(&engine).delete(&moved).await;
    drop(engine);

    let engine = queues(Some(&file)).await;
    assert!(Client::new(&engine, REPLIES).drain().await.is_empty());
}

#[tokio::test]
async fn a_journal_of_a_queue_that_is_gone_is_an_error() {
    let folder = Folder::new("gone");
    let file = folder.file("queues.db");
    let engine = queues(Some(&file)).await;
    Client::new(&engine, "transom-events.fifo").send("a", "a1").await;
    drop(engine);
    let engine = QueueEngine::start(Some(&file)).await.expect("an engine");
    let error = engine.create_queues(&impatient()).await.expect_err("a queue is missing");
    assert!(error.to_string().contains("transom-events.fifo"), "{error:#}");
}

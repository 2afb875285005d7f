//! What Lambda's event source mappings and scheduler do: take batches from the queues, hand
//! them to the functions, delete what was handled; and sweep by the clock.

use crate::binaries::Binaries;
use crate::house::{House, Rooms};
use crate::template::{Function, QueueSource};
use anyhow::{Context, Result};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;
use transom_app::{App, AppError};
use transom_core::time::{Millis, Timestamp};

/// How many batches of one queue are worked on at once. Lambda begins with five pollers.
const POLLERS: usize = 5;
/// How long one poll waits for a message.
const POLL_SECONDS: i32 = 10;
/// How long a failed poll waits before the next.
const POLL_AGAIN: Duration = Duration::from_millis(200);
/// How long what a function gave back stays hidden where pumps run.
const GIVEN_BACK_SECONDS: i32 = 2;
/// How long [`House::settle`] waits, in real time, while nothing at all changes, before it says
/// what is not quiet. A slow sender that goes on sending is waited for.
const SETTLE_STILL: Duration = Duration::from_secs(20);
/// How long an idle look at the queues waits before the next.
const SETTLE_LOOK: Duration = Duration::from_millis(3);

impl House {
    /// Begins taking batches from the queues.
    pub fn start_pumps(&self) {
        let rooms = self.rooms();
        let mut pumps = rooms.pumps.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, function) in &rooms.template.functions {
            for source in &function.queue_sources {
                for _ in 0..POLLERS {
                    let pump = Pump {
                        house: self.downgrade(),
                        function: id.clone(),
                        source: source.clone(),
                        timeout: within(function),
                    };
                    pumps.push(tokio::spawn(pump.run(rooms.sqs.clone())));
                }
            }
        }
    }

    /// Begins sweeping, as often as the template's schedule says.
    pub fn start_schedule(&self) {
        let rooms = self.rooms();
        let minutes = rooms.template.functions.values().find_map(|f| f.schedule_minutes);
        let every = Duration::from_secs(60 * minutes.unwrap_or(1));
        let house = self.downgrade();
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(house) = House::upgrade(&house) else { return };
                if let Err(error) = house.sweep().await {
                    tracing::error!(%error, "a scheduled sweep failed");
                }
            }
        });
        rooms.pumps.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Waits until the queues are empty, nothing is worked on, and no pretend provider has
    /// anything left to post. In a house whose pumps were not started, it does their work.
    ///
    /// # Errors
    /// When it does not become quiet, saying which queue is not.
    pub async fn settle(&self) -> Result<()> {
        let mut changed = std::time::Instant::now();
        let mut seen = Vec::new();
        let mut quiet = 0;
        let by_hand = self.rooms().pumps.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        while quiet < 2 {
            self.sandbox().settle().await;
            let busy = self.busy_queues().await?;
            if busy.is_empty() {
                quiet += 1;
                continue;
            }
            quiet = 0;
            if by_hand && self.work_once().await? {
                continue;
            }
            if busy != seen {
                changed = std::time::Instant::now();
            } else if changed.elapsed() > SETTLE_STILL {
                anyhow::bail!(
                    "nothing has changed for {SETTLE_STILL:?}, but these are not empty: {busy:?}"
                );
            }
            seen = busy;
            tokio::time::sleep(SETTLE_LOOK).await;
        }
        Ok(())
    }

    /// Hands one batch to each function that has one waiting; whether there was any.
    async fn work_once(&self) -> Result<bool> {
        let mut worked = false;
        for function in self.rooms().template.functions.keys() {
            if let Some(batch) = self.take_batch(function).await? {
                self.work_on(&batch).await?;
                worked = true;
            }
        }
        Ok(worked)
    }

    /// What the queues still hold, dead-letter queues apart: names with counts.
    async fn busy_queues(&self) -> Result<Vec<String>> {
        let rooms = self.rooms();
        let mut busy = Vec::new();
        for queue in rooms.template.queues.iter().filter(|q| q.dead_letter.is_some()) {
            let output = rooms
                .sqs
                .get_queue_attributes()
                .queue_url(rooms.queues.queue_url(&queue.name))
                .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
                .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
                .send()
                .await
                .context("the queue engine did not answer")?;
            let mut counts: Vec<String> = output
                .attributes()
                .into_iter()
                .flatten()
                .filter(|(_, count)| count.as_str() != "0")
                .map(|(name, count)| format!("{}: {} {count}", queue.name, name.as_str()))
                .collect();
            counts.sort();
            busy.extend(counts);
        }
        Ok(busy)
    }
}

struct Pump {
    house: Weak<Rooms>,
    function: String,
    source: QueueSource,
    timeout: Millis,
}

/// Messages of one queue that were handed out to a function and are not deleted yet.
#[derive(Debug)]
pub struct Batch {
    function: String,
    source: QueueSource,
    timeout: Millis,
    messages: Vec<Message>,
}

impl Pump {
    async fn run(self, sqs: aws_sdk_sqs::Client) {
        let Some(url) = House::upgrade(&self.house)
            .map(|house| house.rooms().queues.queue_url(&self.source.queue))
        else {
            return;
        };
        loop {
            let received = receive(&sqs, &url, &self.source, POLL_SECONDS).await;
            let Some(house) = House::upgrade(&self.house) else { return };
            match received {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => {
                    let (function, source) = (self.function.clone(), self.source.clone());
                    let batch = Batch { function, source, timeout: self.timeout, messages };
                    let left = house.work_on(&batch).await.unwrap_or_else(|error| {
                        tracing::error!(%error, function = self.function, "a batch failed");
                        batch.messages.iter().collect()
                    });
                    house.show_again(&batch, left, GIVEN_BACK_SECONDS).await;
                }
                Err(_) => tokio::time::sleep(POLL_AGAIN).await,
            }
        }
    }
}

async fn receive(
    sqs: &aws_sdk_sqs::Client,
    url: &str,
    source: &QueueSource,
    wait_s: i32,
) -> Result<Vec<Message>> {
    let output = sqs
        .receive_message()
        .queue_url(url)
        .wait_time_seconds(wait_s)
        .max_number_of_messages(i32::try_from(source.batch_size.min(10)).unwrap_or(10))
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await?;
    Ok(output.messages.unwrap_or_default())
}

impl House {
    /// Lets what was handed out be handed out again after so many seconds, instead of after its
    /// queue's six timeouts: whoever moves the clock of a house takes the time from whatever is being
    /// worked on then, and is not to wait for minutes of the true one. What was deleted stays
    /// deleted.
    async fn show_again(
        &self,
        batch: &Batch,
        messages: impl IntoIterator<Item = &Message>,
        seconds: i32,
    ) {
        let rooms = self.rooms();
        let url = rooms.queues.queue_url(&batch.source.queue);
        for message in messages {
            let handle = message.receipt_handle.clone().unwrap_or_default();
            let _deleted_already = rooms
                .sqs
                .change_message_visibility()
                .queue_url(&url)
                .receipt_handle(handle)
                .visibility_timeout(seconds)
                .send()
                .await;
        }
    }

    /// Takes a batch for the function whose logical id begins with `name` out of the first of its
    /// queues that has one, as its mapping would; for tests that hand it over themselves, in a house
    /// whose pumps do not run.
    ///
    /// # Errors
    /// When the queue engine does not answer.
    pub async fn take_batch(&self, name: &str) -> Result<Option<Batch>> {
        let rooms = self.rooms();
        for (id, function) in rooms.template.functions.iter().filter(|(id, _)| id.starts_with(name))
        {
            for source in &function.queue_sources {
                let url = rooms.queues.queue_url(&source.queue);
                let messages = receive(&rooms.sqs, &url, source, 0).await?;
                if !messages.is_empty() {
                    let (function, source, timeout) =
                        (id.clone(), source.clone(), within(function));
                    return Ok(Some(Batch { function, source, timeout, messages }));
                }
            }
        }
        Ok(None)
    }

    /// Hands a batch to its function and deletes what that handled. What it did not, and all of a
    /// batch whose function failed, is answered: it comes again when its time has passed.
    ///
    /// # Errors
    /// When the queue engine does not answer.
    pub async fn work_on<'b>(&self, batch: &'b Batch) -> Result<Vec<&'b Message>> {
        let rooms = self.rooms();
        let Some(app) = rooms.apps.get(&batch.function) else { return Ok(Vec::new()) };
        let deadline = app.clock.now().plus(batch.timeout);
        let kept: Vec<String> = match batch.invoke(self, app.clone(), deadline).await {
            Ok(response) if batch.source.partial_responses => {
                response.batch_item_failures.into_iter().map(|f| f.item_identifier).collect()
            }
            // Without partial answers a batch is all or nothing, as in the cloud.
            Ok(_) => Vec::new(),
            Err(error) => {
                tracing::error!(%error, function = batch.function, "an invocation failed");
                return Ok(batch.messages.iter().collect());
            }
        };
        let (left, handled): (Vec<&Message>, Vec<&Message>) = batch
            .messages
            .iter()
            .partition(|m| m.message_id.as_ref().is_some_and(|id| kept.contains(id)));
        let url = rooms.queues.queue_url(&batch.source.queue);
        for message in handled {
            let handle = message.receipt_handle.clone().unwrap_or_default();
            rooms.sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await?;
        }
        Ok(left)
    }

    /// Lets a batch be handed out again at once, instead of when its time has passed. What was
    /// deleted stays deleted.
    pub async fn hand_out_again(&self, batch: &Batch) {
        self.show_again(batch, &batch.messages, 0).await;
    }
}

/// How long a function may run.
fn within(function: &Function) -> Millis {
    Millis::from_seconds(i64::try_from(function.timeout_s).unwrap_or(30))
}

impl Batch {
    fn event(&self) -> SqsEvent {
        let mut event = SqsEvent::default();
        event.records = self
            .messages
            .iter()
            .map(|message| {
                let mut record = SqsMessage::default();
                record.message_id = message.message_id.clone();
                record.receipt_handle = message.receipt_handle.clone();
                record.body = message.body.clone();
                record.event_source_arn = Some(crate::policy::queue_arn(&self.source.queue));
                if let Some(attributes) = &message.attributes {
                    record.attributes = attributes
                        .iter()
                        .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
                        .collect();
                }
                record
            })
            .collect();
        event
    }

    async fn invoke(
        &self,
        house: &House,
        app: App,
        deadline: Timestamp,
    ) -> Result<SqsBatchResponse, AppError> {
        let event = self.event();
        // The mapping's own rights are used by the service, not by the function.
        let used = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
        let resource = crate::policy::queue_arn(&self.source.queue);
        for action in used {
            house.actions().record(&self.function, action, &resource);
        }
        if let Some(binaries) = house.binaries() {
            return invoke_process(binaries, &self.function, &event).await;
        }
        match self.function.strip_suffix("Function").unwrap_or(&self.function) {
            "Sender" => transom_sender::handle(app, event, deadline).await,
            "Media" => transom_media::handle(app, event, deadline).await,
            _ => transom_notifier::handle(app, event, deadline).await,
        }
    }
}

/// Hands a batch to a function's own process; one that fails gives all of it back.
async fn invoke_process(
    binaries: &Binaries,
    function: &str,
    event: &SqsEvent,
) -> Result<SqsBatchResponse, AppError> {
    let failed = |reason: String| AppError::Queue { operation: "invoke a function", reason };
    let event = serde_json::to_value(event).map_err(|e| failed(e.to_string()))?;
    let answer = binaries.emulator().invoke(function, event).await;
    let answer = answer.map_err(|e| failed(e.to_string()))?;
    serde_json::from_value(answer).map_err(|e| failed(e.to_string()))
}

impl House {
    fn downgrade(&self) -> Weak<Rooms> {
        Arc::downgrade(self.shared())
    }

    fn upgrade(rooms: &Weak<Rooms>) -> Option<Self> {
        rooms.upgrade().map(Self::from_shared)
    }
}

//! Two names of one user: a conversation that has become another name of another one, and a
//! number that has passed to another user (design §3).

use crate::item::{Expression, encode_value, n, s};
use crate::sessions::{SESSION, partition};
use crate::{Session, SessionCreated, Store, StoreError, Updated};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use transom_core::consent::Consent;
use transom_core::id::ConversationId;
use transom_core::identity::Phone;

/// Whom a number has passed to.
#[derive(Debug, Clone, PartialEq)]
pub enum Heir {
    /// A user who has not written before: his conversation begins.
    New(Box<Session>),
    /// A user who is known already, by his business-scoped id.
    Known(ConversationId),
}

impl Heir {
    /// The conversation.
    #[must_use]
    pub fn id(&self) -> &ConversationId {
        match self {
            Self::New(session) => &session.id,
            Self::Known(id) => id,
        }
    }
}

impl Store {
    /// Makes `alias` another name of `target`, unless something stands at `alias`.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_alias(
        &self,
        alias: &Session,
        target: &ConversationId,
    ) -> Result<SessionCreated, StoreError> {
        let mut alias = alias.clone();
        alias.alias_of = Some(target.clone());
        alias.due_at = None;
        alias.inbox_at = None;
        self.create_session(&alias).await
    }

    /// Makes `younger` an alias of `older`, whose facts become those of `merged`, if both still
    /// stand as they were read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn join_sessions(
        &self,
        older: &Session,
        younger: &Session,
        merged: &Session,
    ) -> Result<Updated, StoreError> {
        let mut merged = merged.clone();
        merged.follows(younger);
        let mut target = Expression::default();
        for (name, value) in self.joined_facts(&merged)? {
            let placeholder = format!(":{name}");
            target = target
                .set(&format!("#{name} = {placeholder}"))
                .name(&format!("#{name}"), name)
                .value(&placeholder, value);
        }
        let items = vec![
            self.session_update(&younger.id, &as_read(younger, become_alias(&older.id))?)?,
            self.session_update(&older.id, &as_read(older, target)?)?,
        ];
        self.write_together(items).await
    }

    /// `phone` has passed from the user of `former` to the user of `heir`: from now on the
    /// number's own key `by_phone` leads to `heir`, and `former` is found by its user's id alone.
    /// Nothing of the former user passes on.
    ///
    /// | what stands at `by_phone` | becomes |
    /// |---|---|
    /// | `former` itself | an alias of `heir`; `former` moves to its user's own key, `by_id` |
    /// | an alias that leads to `former` | an alias of `heir`; `former` forgets the number, if that is the one it knows |
    ///
    /// An alias may lead there by way of others, and `former` may know the number in another
    /// writing, another number, or none: what is asked is what was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn hand_over(
        &self,
        by_phone: &ConversationId,
        (former, by_id): (&Session, &ConversationId),
        heir: &Heir,
        phone: &Phone,
    ) -> Result<Updated, StoreError> {
        let mut items = vec![self.heirs(heir, phone)?];
        if former.id == *by_phone {
            let mut moved = former.clone();
            moved.id = by_id.clone();
            moved.phone = None;
            moved.follows(former);
            let condition = "attribute_not_exists(pk) OR attribute_exists(alias_of)";
            items.push(self.session_put(&moved, condition)?);
            let alias = become_alias(heir.id());
            items.push(self.session_update(by_phone, &as_read(former, alias)?)?);
        } else {
            let stands = self.session(by_phone).await?.and_then(|s| s.alias_of);
            let Some(leads_to) = stands else { return Ok(Updated::Changed) };
            let repointed = Expression::default()
                .set("alias_of = :heir")
                .value(":heir", s(heir.id().as_str()))
                .value(":seen", s(leads_to.as_str()))
                .when("alias_of = :seen");
            items.push(self.session_update(by_phone, &repointed)?);
            let known = former.phone.as_ref().filter(|p| p.canonical() == phone.canonical());
            if let Some(known) = known {
                let forgets = Expression::default()
                    .remove("phone")
                    .value(":known", s(known.as_str()))
                    .when("attribute_not_exists(alias_of) AND phone = :known");
                items.push(self.session_update(&former.id, &forgets)?);
            }
        }
        self.write_together(items).await
    }

    fn heirs(&self, heir: &Heir, phone: &Phone) -> Result<TransactWriteItem, StoreError> {
        match heir {
            Heir::New(session) => self.session_put(session, "attribute_not_exists(pk)"),
            Heir::Known(id) => {
                let learns = Expression::default()
                    .set("phone = :phone")
                    .value(":phone", s(phone.as_str()))
                    .when("attribute_exists(pk) AND attribute_not_exists(alias_of)");
                self.session_update(id, &learns)
            }
        }
    }

    fn session_put(
        &self,
        session: &Session,
        condition: &str,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.tables.sessions)
            .set_item(Some(self.session_item(session)?))
            .condition_expression(condition)
            .build()
            .map_err(|e| StoreError::corrupt("conversation", e))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn joined_facts(
        &self,
        merged: &Session,
    ) -> Result<Vec<(&'static str, AttributeValue)>, StoreError> {
        let mut facts = Vec::new();
        if let Some(predecessor) = &merged.predecessor {
            facts.push(("predecessor", s(predecessor.as_str())));
        }
        if !merged.earlier.is_empty() {
            facts.push(("earlier", encode_value("conversation", &merged.earlier)?));
        }
        if let Some(phone) = &merged.phone {
            facts.push(("phone", s(phone.as_str())));
        }
        if let Some(user_id) = &merged.user_id {
            facts.push(("user_id", s(user_id.as_str())));
        }
        if let Some(name) = &merged.name {
            facts.push(("name", s(name)));
        }
        if let Some(window) = merged.window() {
            facts.push(("last_user_at", n(window.last_user_at.as_millis())));
            facts.push(("opened_at", n(window.opened_at.as_millis())));
            facts.push(("basis", encode_value("window", &window.basis)?));
            facts.push(("inbox_at", n(window.opened_at.as_millis())));
            facts.push(("inbox_shard", s(Self::inbox_shard(&merged.number, &merged.id))));
            facts.push(("noticed_until", n(merged.noticed_until.as_millis())));
        }
        if let Some(at) = merged.refused_at {
            facts.push(("refused_at", n(at.as_millis())));
        }
        if let Some(at) = merged.nudged_at {
            facts.push(("nudged_at", n(at.as_millis())));
        }
        if let Some(at) = merged.out_not_before {
            facts.push(("out_not_before", n(at.as_millis())));
        }
        if let Some(at) = merged.due_at {
            facts.push(("due_at", n(at.as_millis())));
            facts.push(("due_shard", s(self.due_shard(merged.id.as_str()))));
        }
        if !merged.held.is_empty() {
            let held = merged.held.iter().map(ToString::to_string).collect();
            facts.push(("held", AttributeValue::Ss(held)));
        }
        if merged.consent != Consent::default() {
            facts.push(("consent", encode_value("consent", &merged.consent)?));
        }
        if let Some(at) = merged.consent_known_at {
            facts.push(("consent_known_at", n(at.as_millis())));
        }
        Ok(facts)
    }

    fn session_update(
        &self,
        id: &ConversationId,
        expression: &Expression,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.tables.sessions)
            .key("pk", s(partition(id)))
            .key("sk", s(SESSION))
            .update_expression(expression.update())
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names_option())
            .set_expression_attribute_values(expression.values_option())
            .build()
            .map_err(|e| StoreError::corrupt("conversation", e))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

fn become_alias(target: &ConversationId) -> Expression {
    Expression::default()
        .set("alias_of = :target")
        .remove("due_at")
        .remove("due_shard")
        .remove("inbox_at")
        .remove("inbox_shard")
        .remove("held")
        .value(":target", s(target.as_str()))
}

/// The condition that every fact that a join takes over still stands as it was read.
fn as_read(session: &Session, expression: Expression) -> Result<Expression, StoreError> {
    let mut conditions = vec!["attribute_exists(pk)", "attribute_not_exists(alias_of)"];
    let mut expression = expression;
    match session.last_user_at {
        Some(at) => {
            expression = expression.value(":seen_last", n(at.as_millis()));
            conditions.push("last_user_at = :seen_last");
        }
        None => conditions.push("attribute_not_exists(last_user_at)"),
    }
    match &session.predecessor {
        Some(id) => {
            expression = expression.value(":seen_predecessor", s(id.as_str()));
            conditions.push("predecessor = :seen_predecessor");
        }
        None => conditions.push("attribute_not_exists(predecessor)"),
    }
    match session.refused_at {
        Some(at) => {
            expression = expression.value(":seen_refused", n(at.as_millis()));
            conditions.push("refused_at = :seen_refused");
        }
        None => conditions.push("attribute_not_exists(refused_at)"),
    }
    if session.held.is_empty() {
        conditions.push("attribute_not_exists(held)");
    } else {
        let held = session.held.iter().map(ToString::to_string).collect();
        expression = expression.value(":seen_held", AttributeValue::Ss(held));
        conditions.push("held = :seen_held");
    }
    if session.consent == Consent::default() {
        conditions.push("attribute_not_exists(consent)");
    } else {
        let seen = encode_value("consent", &session.consent)?;
        expression = expression.value(":seen_consent", seen);
        conditions.push("consent = :seen_consent");
    }
    Ok(expression.when(&conditions.join(" AND ")))
}

//! `T#<name>#<language>` in an account's partition: its templates.
//!
//! A definition is replaced as a whole. What is told of it (state, category, quality) are
//! attributes of their own, each merged by the order of [`Told`]: an event that comes late or twice
//! changes nothing, and a new definition does not undo one.

use crate::accounts::ACCOUNT_PREFIX;
use crate::item::{Conditional, Expression, Item, decode, encode_value, n, number_of, s, text_of};
use crate::{Store, StoreError, Updated};
use transom_core::id::AccountId;
use transom_core::template::{Category, Template, TemplateStatus};
use transom_core::time::Timestamp;
use transom_core::told::Told;

/// What may be told of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateFact {
    /// Its state.
    Status,
    /// Its category.
    Category,
    /// Its quality.
    Quality,
}

impl TemplateFact {
    const fn attribute(self) -> &'static str {
        match self {
            Self::Status => "st",
            Self::Category => "ct",
            Self::Quality => "qu",
        }
    }
}

/// A template with what was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRecord {
    /// The template as it stands, everything that was told considered.
    pub template: Template,
    /// The latest word on its state.
    pub status: Option<Told>,
    /// The latest word on its category.
    pub category: Option<Told>,
    /// The latest word on its quality.
    pub quality: Option<Told>,
    /// When it was changed, while nobody has been told of that.
    pub untold: Option<Timestamp>,
}

/// What came of a word on a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateTold {
    /// It stands, now or from an earlier time that it came.
    Stands(Box<TemplateRecord>),
    /// A later word stands.
    Superseded,
    /// There is no such template.
    Unknown,
}

impl Store {
    /// The templates of an account; those of one name when `name` is given.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn templates(
        &self,
        account: &AccountId,
        name: Option<&str>,
    ) -> Result<Vec<Template>, StoreError> {
        let records = self.template_records(account, name).await?;
        Ok(records.into_iter().map(|record| record.template).collect())
    }

    /// The same, with what was told of each.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn template_records(
        &self,
        account: &AccountId,
        name: Option<&str>,
    ) -> Result<Vec<TemplateRecord>, StoreError> {
        let prefix = name.map_or_else(|| "T#".to_owned(), |name| format!("T#{name}#"));
        let items = self.all(&self.tables.accounts, &partition(account), &prefix).await?;
        items.into_iter().map(read).collect()
    }

    /// The template of this name and language; without a language the account's only one.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn template(
        &self,
        account: &AccountId,
        name: &str,
        language: Option<&str>,
    ) -> Result<Option<Template>, StoreError> {
        if let Some(language) = language {
            let record = self.template_record(account, name, language).await?;
            return Ok(record.map(|record| record.template));
        }
        let mut found = self.templates(account, Some(name)).await?;
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    /// A template with what was told of it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn template_record(
        &self,
        account: &AccountId,
        name: &str,
        language: &str,
    ) -> Result<Option<TemplateRecord>, StoreError> {
        let item =
            self.get(&self.tables.accounts, &partition(account), &sort(name, language)).await?;
        item.map(read).transpose()
    }

    /// Stores a template's definition with its state, category and quality, if what was told of it
    /// is what was `seen`.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_template(
        &self,
        account: &AccountId,
        record: &TemplateRecord,
        seen: Option<&TemplateRecord>,
    ) -> Result<Updated, StoreError> {
        let template = &record.template;
        let mut expression =
            Expression::default().set("doc = :doc").value(":doc", encode_value(WHAT, template)?);
        let mut conditions = match seen {
            None => vec!["attribute_not_exists(pk)".to_owned()],
            Some(_) => vec!["attribute_exists(pk)".to_owned()],
        };
        let facts = [
            (TemplateFact::Status, &record.status, seen.and_then(|s| s.status.as_ref())),
            (TemplateFact::Category, &record.category, seen.and_then(|s| s.category.as_ref())),
            (TemplateFact::Quality, &record.quality, seen.and_then(|s| s.quality.as_ref())),
        ];
        for (fact, told, seen) in facts {
            let name = fact.attribute();
            if let Some(told) = told {
                expression = expression
                    .set(&format!("{name} = :{name}"))
                    .value(&format!(":{name}"), s(told.text()));
            }
            match seen {
                Some(seen) => {
                    expression = expression.value(&format!(":seen_{name}"), s(seen.text()));
                    conditions.push(format!("{name} = :seen_{name}"));
                }
                None => conditions.push(format!("attribute_not_exists({name})")),
            }
        }
        if let Some(at) = record.untold {
            expression = expression.set("ut = :ut").value(":ut", n(at.as_millis()));
        }
        let expression = expression.when(&conditions.join(" AND "));
        let key = sort(&template.name, &template.language);
        match self.update(&self.tables.accounts, &partition(account), &key, expression).await? {
            Conditional::Done(_) => Ok(Updated::Done),
            Conditional::Failed(_) => Ok(Updated::Changed),
        }
    }

    /// Writes a word on a template down, unless a later one stands.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn tell_template(
        &self,
        account: &AccountId,
        (name, language): (&str, &str),
        fact: TemplateFact,
        told: &Told,
    ) -> Result<TemplateTold, StoreError> {
        let attribute = fact.attribute();
        let expression = Expression::default()
            .set(&format!("{attribute} = :told"))
            .value(":told", s(told.text()))
            .when(&format!(
                "attribute_exists(pk) AND (attribute_not_exists({attribute}) OR {attribute} < :told)"
            ));
        let key = sort(name, language);
        let pk = partition(account);
        let mut item = match self.update(&self.tables.accounts, &pk, &key, expression).await? {
            Conditional::Done(Some(before)) => before,
            Conditional::Failed(Some(there)) => {
                let stands = text_of(&there, attribute) == Some(told.text().as_str());
                return Ok(match stands {
                    true => TemplateTold::Stands(Box::new(read(there)?)),
                    false => TemplateTold::Superseded,
                });
            }
            Conditional::Done(None) | Conditional::Failed(None) => {
                return Ok(TemplateTold::Unknown);
            }
        };
        item.insert(attribute.to_owned(), s(told.text()));
        Ok(TemplateTold::Stands(Box::new(read(item)?)))
    }

    /// Notes that the change of a template at `untold` was told.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn template_told(
        &self,
        account: &AccountId,
        template: &Template,
        untold: Timestamp,
    ) -> Result<(), StoreError> {
        let expression =
            Expression::default().remove("ut").value(":ut", n(untold.as_millis())).when("ut = :ut");
        let key = sort(&template.name, &template.language);
        self.update(&self.tables.accounts, &partition(account), &key, expression).await.map(|_| ())
    }
}

const WHAT: &str = "template";

fn partition(account: &AccountId) -> String {
    format!("{ACCOUNT_PREFIX}#{account}")
}

fn sort(name: &str, language: &str) -> String {
    format!("T#{name}#{language}")
}

/// A template as it stands: its definition, and over it what was told.
fn read(mut item: Item) -> Result<TemplateRecord, StoreError> {
    let told = |fact: TemplateFact| text_of(&item, fact.attribute()).and_then(Told::parse);
    let (status, category, quality) =
        (told(TemplateFact::Status), told(TemplateFact::Category), told(TemplateFact::Quality));
    let untold = number_of(&item, "ut").map(Timestamp::from_millis);
    let doc = item.remove("doc").ok_or_else(|| StoreError::corrupt(WHAT, "it is empty"))?;
    let doc = doc.as_m().map_err(|_| StoreError::corrupt(WHAT, "it is no map"))?.clone();
    let mut template: Template = decode(WHAT, doc)?;
    if let Some(told) = &status {
        template.status = TemplateStatus::from(told.word().to_owned());
        template.reason = told.note().map(str::to_owned);
    }
    if let Some(category) = category.as_ref().and_then(|told| Category::parse(told.word())) {
        template.category = category;
    }
    if let Some(told) = &quality {
        template.quality = Some(told.word().to_owned());
    }
    Ok(TemplateRecord { template, status, category, quality, untold })
}

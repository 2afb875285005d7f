//! A refusal as RFC 9457 writes it.

use super::words::CodeWord;
use crate::error::Problem;
use serde::Serialize;
use transom_core::code::Code;
use transom_core::template::matching::Nearest;
use utoipa::ToSchema;

/// A refusal (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemView {
    /// Names the kind of problem: `urn:transom:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short summary, the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What exactly is wrong here.
    pub detail: String,
    /// The code.
    #[schema(value_type = CodeWord, example = "window_expired")]
    pub code: Code,
    /// The other codes that apply, in the order of the contract.
    #[schema(value_type = Vec<CodeWord>)]
    pub also: Vec<Code>,
    /// When waiting helps, until when (RFC 3339).
    pub retry_at: Option<String>,
    /// One sentence that a person can act on.
    pub remedy: &'static str,
    /// The template that the text is like, or is, and where the two differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<NearestView>,
    /// The refused message, where it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The conversation that it was kept in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
}

/// The template that a text is like, or is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NearestView {
    /// Its name.
    #[schema(example = "order_ready")]
    pub name: String,
    /// Its language.
    #[schema(example = "en")]
    pub language: String,
    /// Where the text differs from it first.
    #[schema(example = "word 4 is `parcel`, the template has `order`")]
    pub differs: String,
}

impl From<&Nearest> for NearestView {
    fn from(nearest: &Nearest) -> Self {
        let Nearest { name, language, differs } = nearest.clone();
        Self { name, language, differs }
    }
}

impl From<&Problem> for ProblemView {
    fn from(problem: &Problem) -> Self {
        let code = problem.code;
        let (message, conversation) = problem.message.as_deref().cloned().unzip();
        Self {
            kind: format!("urn:transom:problem:{code}"),
            title: code.title(),
            status: code.status(),
            detail: problem.detail.clone(),
            code,
            also: problem.also.clone(),
            retry_at: problem.retry_at.map(|at| at.rfc3339()),
            remedy: code.remedy(),
            nearest: problem.nearest.as_deref().map(NearestView::from),
            message,
            conversation,
        }
    }
}

//! Who may make which call. Decided before anything of the request is parsed.

use crate::problem::Failure;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use transom_app::{App, Problem};
use transom_core::code::Code;
use transom_store::Role;

/// Sets everything up.
pub(crate) const ADMIN: &[Role] = &[Role::Admin];
/// Reads what is set up, and changes what the desk depends on.
pub(crate) const SUPERVISE: &[Role] = &[Role::Supervisor, Role::Admin];
/// Sends and reads: messages, conversations, contacts.
pub(crate) const CONVERSE: &[Role] = &[Role::Agent, Role::Supervisor, Role::System, Role::Admin];
/// Plans sends: limits beside messages.
pub(crate) const PLAN: &[Role] = &[Role::Supervisor, Role::System, Role::Admin];
/// Works at the desk.
pub(crate) const DESK: &[Role] = &[Role::Agent, Role::Supervisor, Role::Admin];

/// What a call's guard needs.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) app: App,
    pub(crate) roles: &'static [Role],
}

/// Lets a request through whose key has one of the call's roles.
pub(crate) async fn check(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let bearer = bearer(request.headers())?;
    let principal = guard.app.principal_of(bearer).await?;
    if !guard.roles.contains(&principal.role) {
        let allowed: Vec<&str> = guard.roles.iter().map(|r| r.as_str()).collect();
        let detail = format!(
            "the key's role is `{}`; this call takes {}",
            principal.role.as_str(),
            allowed.join(", ")
        );
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let detail = "the request needs exactly one Authorization header";
        return Err(Problem::new(Code::Unauthorized, detail));
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .filter(|key| !key.is_empty())
        .ok_or_else(|| {
            Problem::new(Code::Unauthorized, "the Authorization header is not `Bearer <key>`")
        })
}

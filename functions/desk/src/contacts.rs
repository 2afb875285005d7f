//! `/v1/senders/{sender}/contacts`

use crate::auth::CONVERSE;
use crate::call::{Call, delete, get, put};
use crate::conversations::{PAGE, Page};
use crate::input::{Ids, Input, Params, optional, page_limit};
use crate::problem::Failure;
use crate::senders::sender_id;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use transom_app::converse::{ConsentView, ContactFilter};
use transom_app::view::{ContactDetail, List};
use transom_app::{App, Problem};
use transom_core::code::Code;
use transom_core::consent::OptIn;
use transom_core::time::Timestamp;
use utoipa::ToSchema;

const OPT_IN: &str = "/v1/senders/{sender}/contacts/{contact}/opt-in";
/// The longest source of a consent, in characters.
const SOURCE_CHARS_MAX: usize = 64;

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/senders/{sender}/contacts", "The contacts of a sender", CONVERSE, list)
            .query(&[
                ("opt_in", "`unknown`, `in` or `out`"),
                ("active", "`true`: with an open window"),
                ("q", "A name, or a number in any writing"),
                ("limit", "The page's size, 1 to 200; 50 by default"),
                ("cursor", "`next_cursor` of the page before"),
            ])
            .lists::<ContactDetail>(),
        get("/v1/senders/{sender}/contacts/{contact}", "A contact", CONVERSE, show)
            .answers::<ContactDetail>(200)
            .refuses(&[Code::ContactInvalid]),
        get(
            "/v1/senders/{sender}/contacts/{contact}/consents",
            "Everything that a contact said about consent, newest first",
            CONVERSE,
            consents,
        )
        .query(PAGE)
        .lists::<ConsentView>()
        .refuses(&[Code::ContactInvalid]),
        put(OPT_IN, "Record that a contact agrees to be written to", CONVERSE, opt_in)
            .takes::<OptInBody>()
            .answers::<ContactDetail>(200)
            .refuses(&[Code::ContactInvalid]),
        delete(OPT_IN, "Record that a contact does not, and cancel what waits", CONVERSE, opt_out)
            .answers::<ContactDetail>(200)
            .refuses(&[Code::ContactInvalid]),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    opt_in: Option<String>,
    active: Option<String>,
    q: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// A consent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OptInBody {
    /// Where it was given: `qr`, `url`, `widget`, `chat`, `sms`, `import`, ….
    #[schema(example = "import")]
    source: String,
    /// When it was given (RFC 3339); now by default, never in the future.
    at: Option<String>,
}

impl Listing {
    fn filter(self) -> Result<ContactFilter, Problem> {
        let opt_in = match self.opt_in.as_deref() {
            None => None,
            Some("unknown") => Some(OptIn::Unknown),
            Some("in") => Some(OptIn::In),
            Some("out") => Some(OptIn::Out),
            Some(_) => return Err(Problem::invalid("`opt_in` must be `unknown`, `in` or `out`")),
        };
        Ok(ContactFilter {
            opt_in,
            active: optional("active", self.active.as_deref(), "`true` or `false`")?,
            q: self.q,
            limit: page_limit(self.limit.as_deref())?,
            cursor: self.cursor,
        })
    }
}

async fn list(
    State(app): State<App>,
    Ids(sender): Ids<String>,
    Params(listing): Params<Listing>,
) -> Result<Json<List<ContactDetail>>, Failure> {
    let sender = sender_id(&sender)?;
    Ok(Json(app.list_contacts(&sender, &listing.filter()?, app.clock.now()).await?))
}

async fn show(
    State(app): State<App>,
    Ids((sender, contact)): Ids<(String, String)>,
) -> Result<Json<ContactDetail>, Failure> {
    Ok(Json(app.contact(&sender_id(&sender)?, &contact, app.clock.now()).await?))
}

async fn consents(
    State(app): State<App>,
    Ids((sender, contact)): Ids<(String, String)>,
    Params(page): Params<Page>,
) -> Result<Json<List<ConsentView>>, Failure> {
    let sender = sender_id(&sender)?;
    let limit = page_limit(page.limit.as_deref())?;
    Ok(Json(app.consents(&sender, &contact, limit, page.cursor.as_deref()).await?))
}

async fn opt_in(
    State(app): State<App>,
    Ids((sender, contact)): Ids<(String, String)>,
    Input(body): Input<OptInBody>,
) -> Result<Json<ContactDetail>, Failure> {
    let sender = sender_id(&sender)?;
    let source = source(body.source)?;
    let at = body.at.as_deref().map(Timestamp::parse_rfc3339).transpose();
    let at = at.map_err(|e| Problem::invalid(format!("`at`: {e}")))?;
    let now = app.clock.now();
    Ok(Json(app.opt_in(&sender, &contact, Some(source), at, now).await?))
}

async fn opt_out(
    State(app): State<App>,
    Ids((sender, contact)): Ids<(String, String)>,
) -> Result<Json<ContactDetail>, Failure> {
    let sender = sender_id(&sender)?;
    Ok(Json(app.opt_out(&sender, &contact, None, None, app.clock.now()).await?))
}

fn source(text: String) -> Result<String, Problem> {
    let fits = (1..=SOURCE_CHARS_MAX).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control);
    if fits {
        return Ok(text);
    }
    let detail = format!(
        "`source` must be 1 to {SOURCE_CHARS_MAX} printable characters, such as qr, url, widget, \
         chat, sms or import"
    );
    Err(Problem::invalid(detail))
}

//! `/v1/media`

use crate::auth::CONVERSE;
use crate::call::{Call, get, post};
use crate::input::{Ids, JsonBytes, Params, content_type, parse};
use crate::message_body::is_file_name;
use crate::problem::Failure;
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use http::StatusCode;
use serde::Deserialize;
use transom_app::media::{MediaView, Told};
use transom_app::{App, Problem};
use transom_core::code::Code;
use transom_core::id::MediaId;
use transom_core::media::MediaType;
use utoipa::ToSchema;

const ONE: &str = "/v1/media/{id}";

/// The type of a body that names an address.
const JSON: &str = "application/json";

/// The largest file that is sent with the request itself: a function is called with 6 MB at most,
/// and bytes arrive in it as base 64.
const UPLOAD_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(crate) fn calls() -> Vec<Call> {
    vec![
        post(
            "/v1/media",
            "Store a file: its bytes as the body with their Content-Type, up to 4 MiB, or a `url` \
             that it is copied from",
            CONVERSE,
            create,
        )
        .query(&[("filename", "the name that bytes are saved under")])
        .takes::<MediaBody>()
        .or_bytes()
        .answers::<MediaView>(201)
        .refuses(&[Code::MediaUrl, Code::PayloadTooLarge, Code::UnsupportedMediaType]),
        get(ONE, "A media item, with a link that ends", CONVERSE, show)
            .answers::<MediaView>(200)
            .refuses(&[Code::NotFound]),
        post("/v1/media/{id}/retry", "Fetch a media item again", CONVERSE, retry)
            .answers::<MediaView>(202)
            .refuses(&[Code::NotFound, Code::NotRetryable]),
    ]
}

/// A file to copy. Poll the answer's `id`, or wait for `media.stored` or `media.failed`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MediaBody {
    /// Where it is: an https address that answers without a key.
    #[schema(example = "https://example.com/leaf.jpg")]
    url: String,
    /// Its type, where its server does not tell it.
    #[schema(example = "image/jpeg")]
    content_type: Option<String>,
    /// The name that it is saved under.
    filename: Option<String>,
}

#[derive(Debug, Deserialize)]
struct UploadQuery {
    filename: Option<String>,
}

async fn create(
    State(app): State<App>,
    Params(query): Params<UploadQuery>,
    request: Request,
) -> Result<(StatusCode, Json<MediaView>), Failure> {
    let now = app.clock.now();
    let given = content_type(request.headers());
    let view = if given.as_deref().is_some_and(|t| MediaType::read(t).essence == JSON) {
        let JsonBytes(bytes) = JsonBytes::from_request(request, &app).await?;
        let body: MediaBody = parse(&bytes)?;
        let told = told(body.content_type, body.filename.or(query.filename))?;
        app.copy_file(&body.url, told, now).await?
    } else {
        let given = given.ok_or_else(|| {
            let detail = "the Content-Type must be the file's own, or application/json for a `url`";
            Problem::new(Code::UnsupportedMediaType, detail)
        })?;
        let told = told(Some(given), query.filename)?;
        let body = axum::body::to_bytes(request.into_body(), UPLOAD_BYTES_MAX).await;
        let bytes = body.map_err(|_| too_large())?;
        app.store_file(bytes, told, now).await?
    };
    Ok((StatusCode::CREATED, Json(view)))
}

fn told(content_type: Option<String>, filename: Option<String>) -> Result<Told, Problem> {
    if content_type.as_deref().is_some_and(|told| !MediaType::is_well_formed(told)) {
        let detail = "`content_type` must be a media type, such as image/jpeg";
        return Err(Problem::invalid(detail));
    }
    let filename = filename.filter(|name| !name.is_empty());
    if filename.as_deref().is_some_and(|name| !is_file_name(name)) {
        let detail = "`filename` must be a name without folders, up to 240 bytes";
        return Err(Problem::invalid(detail));
    }
    Ok(Told { content_type, filename })
}

fn too_large() -> Problem {
    let detail = format!(
        "the body must not be larger than {UPLOAD_BYTES_MAX} bytes; a larger file is copied from \
         a `url`"
    );
    Problem::new(Code::PayloadTooLarge, detail)
}

async fn show(State(app): State<App>, Ids(id): Ids<String>) -> Result<Json<MediaView>, Failure> {
    Ok(Json(app.show_media(&media_id(&id)?, app.clock.now()).await?))
}

async fn retry(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<(StatusCode, Json<MediaView>), Failure> {
    let view = app.retry_media(&media_id(&id)?, app.clock.now()).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

fn media_id(text: &str) -> Result<MediaId, Problem> {
    MediaId::parse(text).map_err(|_| Problem::not_found("media item with this id"))
}

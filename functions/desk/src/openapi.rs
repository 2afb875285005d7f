//! `GET /openapi.json`: the document, made from the table of calls and the shapes that are
//! really read and written. No key is needed for it.

use crate::call::{Answer, Call, CallDoc, Shape};
use crate::examples::{Shown, shown};
use crate::problem::{PROBLEM_JSON, written};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use transom_app::Problem;
use transom_app::view::ProblemView;
use transom_core::code::Code;
use transom_store::Role;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response as Described, ResponseBuilder};
use utoipa::openapi::schema::{
    ArrayBuilder, ComponentsBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat,
    SchemaType, Type,
};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApiBuilder, Paths, RefOr, Required};

const JSON: &str = "application/json";
/// The type of a body whose type is the caller's to tell.
const ANY_TYPE: &str = "*/*";
const KEY: &str = "key";
const ROLES: [Role; 4] = [Role::Agent, Role::Supervisor, Role::System, Role::Admin];

/// Refusals that every call has.
const EVERYWHERE: [Code; 5] =
    [Code::InvalidRequest, Code::Unauthorized, Code::Forbidden, Code::Internal, Code::Overloaded];

/// Answers the document. It is made once, when it is first asked for.
pub(crate) async fn show() -> Response {
    static WRITTEN: OnceLock<String> = OnceLock::new();
    let written = WRITTEN.get_or_init(|| document(&crate::calls()).to_string());
    ([(CONTENT_TYPE, JSON)], written.as_str()).into_response()
}

/// The document that describes `calls`.
pub(crate) fn document(calls: &[Call]) -> Value {
    let mut schemas = BTreeMap::new();
    let mut paths = Paths::new();
    keep(&mut schemas, &Shape::of::<ProblemView>());
    for Call { doc, .. } in calls {
        paths.add_path_operation(doc.path, vec![doc.method.clone()], operation(doc));
    }
    for Call { doc, .. } in calls {
        for shape in shapes(doc) {
            keep(&mut schemas, shape);
        }
    }
    let mut components = ComponentsBuilder::new()
        .security_scheme(KEY, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    let info = InfoBuilder::new()
        .title("Transom")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "WhatsApp business conversations. Every call is described here; those that answer \
             `not_implemented` are still to come. `x-transom-roles` tells which keys may make \
             which call, `x-transom-codes` every code with its HTTP status and remedy.",
        ))
        .build();
    let document =
        OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build();
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    if let Some(fields) = document.as_object_mut() {
        fields.insert("x-transom-roles".to_owned(), roles(calls));
        fields.insert("x-transom-codes".to_owned(), codes());
    }
    document
}

fn shapes(doc: &CallDoc) -> impl Iterator<Item = &Shape> {
    let answer = match &doc.answer {
        Answer::Nothing => None,
        Answer::One(shape) | Answer::List(shape) => Some(shape),
    };
    doc.body.iter().chain(answer)
}

fn keep(schemas: &mut BTreeMap<String, RefOr<Schema>>, shape: &Shape) {
    schemas.insert(shape.name.clone(), shape.schema.clone());
    schemas.extend(shape.others.iter().cloned());
}

fn operation(doc: &CallDoc) -> Operation {
    let roles: Vec<&str> = doc.roles.iter().map(|role| role.as_str()).collect();
    let extensions = ExtensionsBuilder::new().add("x-transom-roles", json!(roles)).build();
    let mut operation = OperationBuilder::new()
        .operation_id(Some(operation_id(doc)))
        .summary(Some(doc.summary))
        .tag(tag(doc.path))
        .security(SecurityRequirement::new(KEY, Vec::<String>::new()))
        .extensions(Some(extensions));
    for parameter in parameters(doc) {
        operation = operation.parameter(parameter);
    }
    let shown = shown(&operation_id(doc));
    if let Some(body) = &doc.body {
        operation = operation.request_body(Some(request(doc, body, &shown)));
    }
    if is_implemented(doc) {
        operation = operation.response(doc.status.to_string(), success(doc, shown.answer));
    }
    for (status, codes) in refusals(doc) {
        operation = operation.response(status.to_string(), problem(&codes));
    }
    operation.build()
}

/// Whether this build has the call: one that it lacks has no answer but refusals.
fn is_implemented(doc: &CallDoc) -> bool {
    !(matches!(doc.answer, Answer::Nothing) && doc.status == 200)
}

/// The body that a call takes.
fn request(doc: &CallDoc, body: &Shape, shown: &Shown) -> RequestBody {
    let content = ContentBuilder::new().schema(Some(reference(body)));
    let content = match shown.requests.as_slice() {
        [(_, only)] => content.example(Some(only.clone())),
        several => content.examples_from_iter(several.iter().map(|(name, value)| {
            (name.clone(), ExampleBuilder::new().value(Some(value.clone())).build())
        })),
    };
    let required = if doc.may_lack_body { Required::False } else { Required::True };
    let body = RequestBodyBuilder::new().content(JSON, content.build()).required(Some(required));
    if !doc.takes_bytes {
        return body.build();
    }
    let bytes = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .description(Some("The file's bytes, with its own Content-Type"))
        .build();
    body.content(ANY_TYPE, ContentBuilder::new().schema(Some(bytes)).build()).build()
}

fn reference(shape: &Shape) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(&shape.name))
}

fn success(doc: &CallDoc, shown: Option<Value>) -> Described {
    let described = ResponseBuilder::new().description(doc.summary);
    let schema = match &doc.answer {
        Answer::Nothing => return described.build(),
        Answer::One(shape) => reference(shape),
        Answer::List(shape) => {
            let items = ArrayBuilder::new().items(reference(shape)).build();
            let cursor = ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .build();
            let list = ObjectBuilder::new()
                .property("items", items)
                .property("next_cursor", cursor)
                .required("items")
                .required("next_cursor")
                .build();
            RefOr::T(list.into())
        }
    };
    let content = ContentBuilder::new().schema(Some(schema)).example(shown).build();
    described.content(JSON, content).build()
}

fn problem(codes: &[Code]) -> Described {
    let names: Vec<String> =
        codes.iter().map(|code| format!("`{code}`: {}", code.title())).collect();
    let schema = RefOr::Ref(Ref::from_schema_name("ProblemView"));
    let content = ContentBuilder::new()
        .schema(Some(schema))
        .examples_from_iter(codes.iter().map(|code| (code.as_str(), refusal(*code))))
        .build();
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    ResponseBuilder::new()
        .description(names.join(" · "))
        .content(PROBLEM_JSON, content)
        .extensions(Some(ExtensionsBuilder::new().add("x-transom-codes", json!(codes)).build()))
        .build()
}

/// A refusal, written by what writes the real ones. The detail of a real one says more.
fn refusal(code: Code) -> Example {
    let (_, body) = written(&Problem::new(code, code.title()));
    let body = serde_json::from_str(&body).unwrap_or_default();
    ExampleBuilder::new().summary(code.remedy()).value(Some(body)).build()
}

/// The codes of a call, by HTTP status.
fn refusals(doc: &CallDoc) -> BTreeMap<u16, Vec<Code>> {
    let mut codes = EVERYWHERE.to_vec();
    if doc.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if doc.body.is_some() {
        codes.push(Code::PayloadTooLarge);
    }
    // A body that may be absent is read whatever its type is said to be.
    if doc.body.is_some() && !doc.may_lack_body {
        codes.push(Code::UnsupportedMediaType);
    }
    codes.extend(&doc.codes);
    codes.sort();
    codes.dedup();
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(code);
    }
    by_status
}

fn parameters(doc: &CallDoc) -> Vec<Parameter> {
    let parameter = |name: &str, place: ParameterIn, required: Required, about: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description((!about.is_empty()).then_some(about))
            .schema(Some(text))
            .build()
    };
    let in_path = path_names(doc.path)
        .map(|name| parameter(name, ParameterIn::Path, Required::True, path_about(name)));
    let in_query = doc
        .query
        .iter()
        .map(|(name, about)| parameter(name, ParameterIn::Query, Required::False, about));
    let in_header = doc
        .headers
        .iter()
        .map(|(name, about)| parameter(name, ParameterIn::Header, Required::False, about));
    in_path.chain(in_query).chain(in_header).collect()
}

fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_about(name: &str) -> &'static str {
    match name {
        "contact" => "A phone in E.164, or a contact id",
        _ => "",
    }
}

fn method_name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Delete => "delete",
        HttpMethod::Options => "options",
        HttpMethod::Head => "head",
        HttpMethod::Patch => "patch",
        HttpMethod::Trace => "trace",
    }
}

/// The method and the path's words: unique, because both together are.
pub(crate) fn operation_id(doc: &CallDoc) -> String {
    let words =
        doc.path.trim_start_matches("/v1/").replace(['/', '-'], "_").replace(['{', '}'], "");
    format!("{}_{words}", method_name(&doc.method))
}

fn tag(path: &'static str) -> &'static str {
    path.trim_start_matches("/v1/").split('/').next().unwrap_or_default()
}

/// Which calls each role may make.
fn roles(calls: &[Call]) -> Value {
    let of = |role: Role| -> Vec<String> {
        let allowed = calls.iter().filter(|call| call.doc.roles.contains(&role));
        let named = allowed.map(|call| {
            format!("{} {}", method_name(&call.doc.method).to_uppercase(), call.doc.path)
        });
        named.collect()
    };
    let table: Map<String, Value> =
        ROLES.iter().map(|role| (role.as_str().to_owned(), json!(of(*role)))).collect();
    Value::Object(table)
}

fn codes() -> Value {
    let table = Code::ALL.iter().map(|code| {
        json!({
            "code": code.as_str(),
            "status": code.status(),
            "title": code.title(),
            "remedy": code.remedy(),
        })
    });
    Value::Array(table.collect())
}

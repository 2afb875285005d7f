//! One call: its route, who may make it, and what the document says of it.

use crate::audit::{Audit, is_audited, record};
use crate::auth::{Guard, check};
use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use transom_app::App;
use transom_core::code::Code;
use transom_store::Role;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A call.
pub(crate) struct Call {
    pub(crate) doc: CallDoc,
    route: MethodRouter<App>,
}

/// What the document says of a call.
pub(crate) struct CallDoc {
    pub(crate) method: HttpMethod,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) roles: &'static [Role],
    pub(crate) query: &'static [(&'static str, &'static str)],
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Option<Shape>,
    /// Whether the body may be left out.
    pub(crate) may_lack_body: bool,
    /// Whether a file's bytes may stand in the body's place.
    pub(crate) takes_bytes: bool,
    pub(crate) status: u16,
    pub(crate) answer: Answer,
    pub(crate) codes: Vec<Code>,
}

/// What a call answers when it succeeds.
pub(crate) enum Answer {
    Nothing,
    One(Shape),
    List(Shape),
}

/// A named schema, with those that it refers to.
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) schema: RefOr<Schema>,
    pub(crate) others: Vec<(String, RefOr<Schema>)>,
}

impl Shape {
    pub(crate) fn of<T: ToSchema>() -> Self {
        let mut others = Vec::new();
        T::schemas(&mut others);
        Self { name: T::name().into_owned(), schema: <T as PartialSchema>::schema(), others }
    }
}

impl Call {
    fn new<H, T>(
        (filter, method): (MethodFilter, HttpMethod),
        path: &'static str,
        summary: &'static str,
        roles: &'static [Role],
        handler: H,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let doc = CallDoc {
            method,
            path,
            summary,
            roles,
            query: &[],
            headers: &[],
            body: None,
            may_lack_body: false,
            takes_bytes: false,
            status: 200,
            answer: Answer::Nothing,
            codes: Vec::new(),
        };
        Self { doc, route: on(filter, handler) }
    }

    /// Takes a body of this shape.
    pub(crate) fn takes<T: ToSchema>(mut self) -> Self {
        self.doc.body = Some(Shape::of::<T>());
        self
    }

    /// Takes a body of this shape, or none.
    pub(crate) fn may_take<T: ToSchema>(mut self) -> Self {
        self.doc.may_lack_body = true;
        self.takes::<T>()
    }

    /// Takes a file's bytes in its body's place.
    pub(crate) fn or_bytes(mut self) -> Self {
        self.doc.takes_bytes = true;
        self
    }

    /// Takes these parameters in its query.
    pub(crate) fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.doc.query = query;
        self
    }

    /// Takes these headers.
    pub(crate) fn headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.doc.headers = headers;
        self
    }

    /// Answers one thing.
    pub(crate) fn answers<T: ToSchema>(mut self, status: u16) -> Self {
        self.doc.status = status;
        self.doc.answer = Answer::One(Shape::of::<T>());
        self
    }

    /// Answers a page of a list.
    pub(crate) fn lists<T: ToSchema>(mut self) -> Self {
        self.doc.answer = Answer::List(Shape::of::<T>());
        self
    }

    /// Answers nothing.
    pub(crate) fn answers_nothing(mut self) -> Self {
        self.doc.status = 204;
        self
    }

    /// Refuses with these codes, beside those that every call has.
    pub(crate) fn refuses(mut self, codes: &[Code]) -> Self {
        self.doc.codes.extend_from_slice(codes);
        self
    }

    /// The route, for keys of the call's roles alone; what changes the set-up is written down.
    pub(crate) fn guarded(self, audit: &Audit) -> MethodRouter<App> {
        let guard = Guard { app: audit.app.clone(), roles: self.doc.roles };
        let changes = !matches!(self.doc.method, HttpMethod::Get);
        let mut route = self.route;
        if changes && is_audited(self.doc.path) {
            route = route.route_layer(from_fn_with_state(audit.clone(), record));
        }
        route.route_layer(from_fn_with_state(guard, check))
    }

    /// How the audit reads what a call changes: the call that shows it, without a guard.
    pub(crate) fn reader(self, app: &App) -> Option<(&'static str, Router)> {
        let path = self.doc.path;
        let shows = matches!(self.doc.method, HttpMethod::Get) && is_audited(path);
        shows.then(|| (path, Router::new().route(path, self.route).with_state(app.clone())))
    }
}

macro_rules! methods {
    ($( $name:ident $filter:ident $method:ident; )*) => {$(
        /// A call of this method.
        pub(crate) fn $name<H, T>(
            path: &'static str,
            summary: &'static str,
            roles: &'static [Role],
            handler: H,
        ) -> Call
        where
            H: Handler<T, App>,
            T: 'static,
        {
            let method = (MethodFilter::$filter, HttpMethod::$method);
            Call::new(method, path, summary, roles, handler)
        }
    )*};
}

methods! {
    get GET Get;
    put PUT Put;
    post POST Post;
    delete DELETE Delete;
    patch PATCH Patch;
}

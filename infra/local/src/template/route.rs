//! Which route takes a request, by API Gateway's rules for HTTP APIs.

use super::Route;
use std::collections::BTreeMap;

/// The function that takes a request, with its path parameters as they stand in the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMatch {
    /// The logical id of the function.
    pub function: String,
    /// Path parameters by name, percent-encoded as they came.
    pub params: BTreeMap<String, String>,
}

/// How precisely a segment of a route names what it takes; the smallest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Exact,
    Parameter,
    Rest,
}

/// The most specific route: an exact segment before a parameter before `{proxy+}`, from the
/// left; then an exact method before `ANY`.
pub(super) fn find(routes: &[Route], method: &str, path: &str) -> Option<RouteMatch> {
    let taken = routes.iter().filter_map(|route| {
        let any = route.method == "ANY";
        if !any && route.method != method {
            return None;
        }
        let (precision, params) = compare(&route.path, path)?;
        Some(((precision, any), RouteMatch { function: route.function.clone(), params }))
    });
    taken.min_by(|(left, _), (right, _)| left.cmp(right)).map(|(_, found)| found)
}

fn compare(route: &str, path: &str) -> Option<(Vec<Precision>, BTreeMap<String, String>)> {
    let mut precision = Vec::new();
    let mut params = BTreeMap::new();
    let mut rest = path.strip_prefix('/')?;
    let mut segments = route.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        let name = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        if let Some(greedy) = name.and_then(|name| name.strip_suffix('+')) {
            if rest.is_empty() {
                return None; // a greedy parameter takes at least one segment
            }
            precision.push(Precision::Rest);
            params.insert(greedy.to_owned(), rest.to_owned());
            return Some((precision, params));
        }
        let (found, after) = match rest.split_once('/') {
            Some((found, after)) => (found, Some(after)),
            None => (rest, None),
        };
        match name {
            Some(_) if found.is_empty() => return None,
            Some(name) => {
                params.insert(name.to_owned(), found.to_owned());
                precision.push(Precision::Parameter);
            }
            None if segment == found => precision.push(Precision::Exact),
            None => return None,
        }
        match (after, segments.peek()) {
            (Some(after), Some(_)) => rest = after,
            (None, None) => return Some((precision, params)),
            (Some(_), None) | (None, Some(_)) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Vec<Route> {
        let route = |method: &str, path: &str| Route {
            method: method.to_owned(),
            path: path.to_owned(),
            function: format!("{method} {path}"),
        };
        vec![
            route("ANY", "/v1/{proxy+}"),
            route("ANY", "/v1/pets/{id}"),
            route("GET", "/v1/pets/{id}"),
            route("GET", "/v1/pets/dog"),
            route("POST", "/webhooks/{provider}/{account}"),
        ]
    }

    #[track_caller]
    fn check(method: &str, path: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let found = find(&routes(), method, path);
        let expected = expected.map(|(function, params)| RouteMatch {
            function: function.to_owned(),
            params: params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        });
        assert_eq!(found, expected, "{method} {path}");
    }

    #[test]
    fn the_most_specific_route_wins() {
        check("GET", "/v1/pets/dog", Some(("GET /v1/pets/dog", &[])));
        check("POST", "/v1/pets/dog", Some(("ANY /v1/pets/{id}", &[("id", "dog")])));
        check("GET", "/v1/pets/7", Some(("GET /v1/pets/{id}", &[("id", "7")])));
        check("GET", "/v1/pets/7/x", Some(("ANY /v1/{proxy+}", &[("proxy", "pets/7/x")])));
    }

    #[test]
    fn what_no_route_takes() {
        check("GET", "/v1", None);
        check("GET", "/v1/", None);
        check("GET", "/", None);
        check("GET", "/webhooks/meta/a", None);
        check("POST", "/webhooks/meta", None);
        check("POST", "/webhooks/meta/", None);
        check("POST", "/webhooks/meta/a/", None);
        check("POST", "", None);
    }

    #[test]
    fn parameters_are_named() {
        check(
            "POST",
            "/webhooks/meta/acc_1",
            Some((
                "POST /webhooks/{provider}/{account}",
                &[("account", "acc_1"), ("provider", "meta")],
            )),
        );
    }
}

//! A provider's sandbox (M84, M85): one proxy number for many apps. A tester names the app that he
//! writes to by a keyword, which is no part of what he says.

/// The keyword.
const KEYWORD: &str = "PROXY";

/// The app that a text names, and what is left of it: `PROXY MyApp Hello` is `Hello` to `MyApp`.
#[must_use]
pub fn proxy(text: &str) -> Option<(&str, &str)> {
    let mut words = text.trim().splitn(3, char::is_whitespace);
    let keyword = words.next()?;
    let app = words.next().filter(|app| !app.is_empty())?;
    keyword.eq_ignore_ascii_case(KEYWORD).then(|| (app, words.next().unwrap_or_default().trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m85_the_keyword_names_the_app_and_is_stripped() {
        for (text, found) in [
            ("PROXY MyApp", Some(("MyApp", ""))),
            ("proxy MyApp", Some(("MyApp", ""))),
            ("  PROXY MyApp  ", Some(("MyApp", ""))),
            ("PROXY MyApp Hello there", Some(("MyApp", "Hello there"))),
            ("PROXY\nMyApp", Some(("MyApp", ""))),
            ("PROXY", None),
            ("PROXY ", None),
            ("PROXYMyApp", None),
            ("My PROXY App", None),
            ("", None),
        ] {
            assert_eq!(proxy(text), found, "{text:?}");
        }
    }
}

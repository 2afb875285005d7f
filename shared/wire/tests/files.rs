//! How each provider's files are asked for, and to whom its secrets go.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use transom_wire::{
    Credentials, FileRequest, FileSource, FileStep, Unfetchable, fetch_file, read_described,
};

fn twilio() -> Credentials {
    Credentials::Twilio {
        account_sid: "AC1".to_owned(),
        auth_token: "hush".to_owned(),
        previous_auth_token: Some("older".to_owned()),
    }
}

fn gupshup() -> Credentials {
    Credentials::Gupshup {
        app_name: "My App".to_owned(),
        api_key: "hush".to_owned(),
        webhook_token: "w".to_owned(),
        previous_webhook_token: None,
    }
}

fn meta() -> Credentials {
    Credentials::Meta {
        access_token: "hush".to_owned(),
        app_secret: "s".to_owned(),
        previous_app_secret: None,
        verify_token: "v".to_owned(),
    }
}

fn by_url(url: &str) -> FileSource<'_> {
    FileSource { url: Some(url), ..FileSource::default() }
}

fn read(step: Result<FileStep, Unfetchable>) -> FileRequest {
    match step.expect("it can be fetched") {
        FileStep::Read(request) => request,
        FileStep::Describe(request) => panic!("{} is described first", request.url),
    }
}

#[test]
fn m30_twilios_files_want_basic_authentication_at_twilio_alone() {
    let base = "https://api.twilio.com";
    let fetch = |url: &str| fetch_file(&twilio(), base, &by_url(url));
    let url = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1";
    let request = read(fetch(url));
    assert_eq!(request.url, url);
    assert_eq!(request.headers, [("authorization", "Basic QUMxOmh1c2g=".to_owned())]);
    assert!(!format!("{request:?}").contains("QUMx"), "nothing of it is logged");
    for elsewhere in ["https://evil.example/ME1", "http://api.twilio.com/ME1"] {
        assert!(read(fetch(elsewhere)).headers.is_empty(), "{elsewhere}");
    }
    for none in ["", "ftp://api.twilio.com/x", "not an address"] {
        assert!(fetch(none).is_err(), "{none}");
    }
    assert!(fetch_file(&twilio(), base, &FileSource::default()).is_err());
}

#[test]
fn m42_gupshups_files_are_open_or_behind_the_key() {
    let base = "https://api.gupshup.io";
    let fetch = |source: &FileSource<'_>| fetch_file(&gupshup(), base, source);
    let open = "https://filemanager.gupshup.io/wa/11b2/wa/media/8f3c?download=false";
    assert_eq!(
        read(fetch(&by_url(open))),
        FileRequest { url: open.to_owned(), headers: Vec::new() }
    );
    let key = [("apikey", "hush".to_owned())];
    let by_api = "https://api.gupshup.io/sm/api/wamedia/My%20App/8f3c";
    let request = read(fetch(&by_url(by_api)));
    assert_eq!((request.url.as_str(), request.headers.as_slice()), (by_api, &key[..]));
    let same_words = "https://evil.example/sm/api/wamedia/My%20App/8f3c";
    assert!(read(fetch(&by_url(same_words))).headers.is_empty());
    let id = FileSource { provider_media_id: Some("8f3c/../x"), ..FileSource::default() };
    let request = read(fetch(&id));
    assert_eq!(request.url, "https://api.gupshup.io/sm/api/wamedia/My%20App/8f3c%2F%2E%2E%2Fx");
    assert_eq!(request.headers, key);
    // What version 3 passes on of WhatsApp's storage wants a token that is not Gupshup's.
    let passed_on = FileSource {
        url: Some("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1"),
        ..id
    };
    assert_eq!(read(fetch(&passed_on)).headers, key);
    assert!(fetch(&FileSource::default()).is_err());
}

#[test]
fn m30_metas_files_are_described_first_and_nobody_else_sees_the_token() {
    let base = "https://graph.facebook.com";
    let source = FileSource {
        provider_media_id: Some("1003383421387256"),
        business_id: Some("106540352242922"),
        url: Some("https://lookaside.fbsbx.com/old"),
    };
    let Ok(FileStep::Describe(request)) = fetch_file(&meta(), base, &source) else {
        panic!("an id is described first")
    };
    let token = [("authorization", "Bearer hush".to_owned())];
    assert_eq!(
        request.url,
        "https://graph.facebook.com/v25.0/1003383421387256?phone_number_id=106540352242922"
    );
    assert_eq!(request.headers, token);
    let newer = "https://graph.facebook.com/v26.0/";
    let Ok(FileStep::Describe(request)) = fetch_file(&meta(), newer, &source) else { panic!() };
    assert!(request.url.starts_with("https://graph.facebook.com/v26.0/1003383421387256?"));

    let described = |body: &str| read_described(&meta(), base, body.as_bytes());
    let hash = "49f7c8624706293b09954196c0b0d7e01f0403057c1dde70bd9d2f3bd1f7d198";
    let found = described(&format!(
        r#"{{"url":"https://lookaside.fbsbx.com/a","mime_type":"image/jpeg","sha256":"{hash}","file_size":"7","id":"1"}}"#
    ))
    .expect("a description");
    assert_eq!(found.request.headers, token);
    assert_eq!((found.bytes, found.content_type.as_deref()), (Some(7), Some("image/jpeg")));
    assert!(found.sha256.is_some());
    // Another writing of the hash is not compared.
    let other = described(r#"{"url":"https://lookaside.fbsbx.com/a","sha256":"SfInY0gGKTs="}"#);
    assert_eq!(other.expect("a description").sha256, None);
    for wrong in [
        r#"{"url":"https://evil.example/a"}"#,
        r#"{"url":"http://lookaside.fbsbx.com/a"}"#,
        r#"{"url":"https://fbsbx.com.evil.example/a"}"#,
        r#"{"url":7}"#,
        r#"{"error":{"code":100}}"#,
        "<html>",
        "",
    ] {
        assert!(described(wrong).is_err(), "{wrong}");
    }
    // Newer webhooks tell the address itself.
    let told = read(fetch_file(&meta(), base, &by_url("https://lookaside.fbsbx.com/a")));
    assert_eq!(told.headers, token);
    assert!(fetch_file(&meta(), base, &by_url("https://evil.example/a")).is_err());
    assert!(fetch_file(&meta(), base, &FileSource::default()).is_err());
}

//! One scenario, three tests: `every_provider!(name);` above `async fn name(provider: Provider)`
//! makes `name::twilio`, `name::meta` and `name::gupshup`. What differs there is asked of the
//! World (`world.facts()`), so a scenario names no provider.
//!
//! Fifteen lines of our own: with a test library the list of providers would stand at every
//! scenario, or bring eight more crates to stand in one place.

use transom_core::account::Provider;

/// Makes one test for each provider of a scenario that takes a `Provider`.
macro_rules! every_provider {
    ($scenario:ident) => {
        $crate::every_provider::every_provider! {
            $scenario: twilio Twilio, meta Meta, gupshup Gupshup
        }
    };
    ($scenario:ident: $($test:ident $provider:ident),+) => {
        mod $scenario {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$scenario(transom_core::account::Provider::$provider).await;
                }
            )+
        }
    };
}

pub(crate) use every_provider;

/// How often a heavy scenario does what it does: in full at Twilio, less at the others, where it
/// takes the same road. The suite stays fast enough to be run before every landing.
pub(crate) fn heavy(provider: Provider, full: usize, elsewhere: usize) -> usize {
    if provider == Provider::Twilio { full } else { elsewhere }
}

/// The list above names every provider there is.
#[test]
fn every_provider_is_on_the_list() {
    let source = include_str!("every_provider.rs");
    for provider in Provider::ALL {
        assert!(source.contains(&format!("{} {provider:?}", provider.as_str())), "{provider:?}");
    }
}

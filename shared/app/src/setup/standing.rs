//! What follows from a standing, in sentences: a state alone tells nobody what it costs (U15).

use transom_core::news::Restriction;
use transom_store::Health;

/// A standing, as far as something follows from it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standing<'a> {
    pub(super) verification: Option<&'a str>,
    pub(super) quality: Option<&'a str>,
    /// What was decided of the display name.
    pub(super) display_name: Option<&'a str>,
    pub(super) restriction: Option<Restriction>,
}

impl<'a> Standing<'a> {
    /// An account's, its restriction aside: whether that holds is a question of the time.
    pub(super) fn of_account(health: &'a Health) -> Self {
        Self { verification: health.verification.as_ref().map(|it| it.word()), ..Self::default() }
    }

    /// What follows.
    pub(super) fn effects(&self) -> Vec<&'static str> {
        let mut effects = Vec::new();
        match self.verification {
            Some("verified") => {}
            Some(_) | None => effects.push(
                "Until the business is verified, customers see the number in place of its display \
                 name, and WhatsApp keeps the messaging limit low: verify it in the Business \
                 Manager.",
            ),
        }
        match self.quality {
            Some("flagged" | "red" | "low") => effects.push(
                "The quality is low: WhatsApp may pause templates and restrict the number; write \
                 less, and only to customers who expect it.",
            ),
            Some("yellow" | "medium") => {
                effects.push("The quality is falling: look at what customers block and report.");
            }
            Some(_) | None => {}
        }
        match self.display_name {
            Some("approved") | None => {}
            Some(_) => effects.push(
                "The display name is not approved: customers go on to see the name before it, or \
                 the number.",
            ),
        }
        match self.restriction {
            Some(Restriction { replies_too: true, .. }) => {
                effects.push("Nothing is sent, not even replies, until the restriction ends.");
            }
            Some(Restriction { replies_too: false, .. }) => {
                effects.push("Nothing that the business begins is sent; replies go on.");
            }
            None => {}
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u15_every_state_is_shown_with_what_follows_from_it() {
        let verified = Standing { verification: Some("verified"), ..Standing::default() };
        assert_eq!(verified.effects(), Vec::<&str>::new());
        assert!(Standing::default().effects()[0].contains("customers see the number"));
        let all = Restriction { until: None, replies_too: true };
        for (standing, says) in [
            (Standing { quality: Some("flagged"), ..verified }, "quality is low"),
            (Standing { quality: Some("yellow"), ..verified }, "falling"),
            (Standing { display_name: Some("rejected"), ..verified }, "not approved"),
            (Standing { restriction: Some(all), ..verified }, "not even replies"),
            (
                Standing {
                    restriction: Some(Restriction { replies_too: false, ..all }),
                    ..verified
                },
                "replies go on",
            ),
        ] {
            let effects = standing.effects();
            assert!(effects.len() == 1 && effects[0].contains(says), "{effects:?}");
        }
    }
}

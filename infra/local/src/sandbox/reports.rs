//! What a provider reports by itself after it took a message.

use super::{AutoStatus, Sandbox};

/// One status to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) status: &'static str,
    pub(super) error_code: Option<u32>,
}

/// What is reported by itself about a message that WhatsApp refuses late with `refusal`, or
/// delivers. `failed` is the provider's word for the refusal.
pub(super) fn planned(
    autostatus: AutoStatus,
    read_receipts: bool,
    refusal: Option<u32>,
    failed: &'static str,
) -> Vec<Report> {
    let report = |status| Report { status, error_code: None };
    match (autostatus, refusal) {
        (AutoStatus::None, _) | (AutoStatus::Manual, None) => Vec::new(),
        (AutoStatus::Full | AutoStatus::Manual, Some(code)) => {
            vec![Report { status: failed, error_code: Some(code) }]
        }
        (AutoStatus::Full, None) if read_receipts => {
            vec![report("sent"), report("delivered"), report("read")]
        }
        (AutoStatus::Full, None) => vec![report("sent"), report("delivered")],
    }
}

/// Posts the reports one after the other, beside the answer. They are under way when this
/// returns, so that `settle` cannot miss them.
pub(super) fn spawn(sandbox: &Sandbox, sid: String, reports: Vec<Report>) {
    if reports.is_empty() {
        return;
    }
    let underway = sandbox.inner.in_flight.begin();
    let sandbox = sandbox.clone();
    tokio::spawn(async move {
        for report in reports {
            // A report that nothing takes stands in the journal of webhooks; the next is posted
            // all the same, as the true ones do.
            let _ = sandbox.post_status(&sid, report.status, report.error_code).await;
        }
        drop(underway);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_reports_its_own() {
        let statuses = |mode, refusal| -> Vec<&str> {
            let reports = planned(mode, false, refusal, "failed");
            reports.iter().map(|report| report.status).collect()
        };
        assert_eq!(statuses(AutoStatus::Full, None), ["sent", "delivered"]);
        assert_eq!(statuses(AutoStatus::Full, Some(63016)), ["failed"]);
        assert_eq!(statuses(AutoStatus::Manual, Some(63016)), ["failed"]);
        assert!(statuses(AutoStatus::Manual, None).is_empty());
        assert!(statuses(AutoStatus::None, Some(63016)).is_empty());
    }
}

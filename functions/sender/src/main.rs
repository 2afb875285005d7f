//! The Lambda binary of this function.

fn main() -> Result<(), transom_boot::lambda::Error> {
    let campaigns = std::env::var("TRANSOM_CAMPAIGNS_QUEUE_URL").unwrap_or_default();
    let name = campaigns.rsplit('/').next().unwrap_or_default().to_owned();
    transom_boot::lambda::run_sqs(move |app, event, deadline| {
        let name = name.clone();
        async move { transom_sender::handle(app, &name, event, deadline).await }
    })
}

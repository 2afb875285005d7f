//! A table, a queue or a route renamed in `template.yaml` alone is renamed in local mode.

use crate::every_provider::every_provider;
use serde_json::json;
use transom_core::account::Provider;
use transom_testkit::world::TEMPLATE;
use transom_testkit::{World, WorldPlan};

every_provider!(what_is_renamed_in_the_template_is_renamed_here);
async fn what_is_renamed_in_the_template_is_renamed_here(provider: Provider) {
    let renamed = TEMPLATE
        .replace("${AWS::StackName}-sessions", "${AWS::StackName}-threads")
        .replace("${AWS::StackName}-replies.fifo", "${AWS::StackName}-answers.fifo")
        .replace("/webhooks/{provider}/{account}", "/hooks/{provider}/{account}");
    assert_ne!(renamed, TEMPLATE);
    let plan =
        WorldPlan { template: Some(renamed), provider: Some(provider), ..WorldPlan::default() };
    let world = World::with(plan).await;
    let tables: Vec<&str> = world.house.template().tables.iter().map(|t| t.name.as_str()).collect();
    assert!(tables.contains(&"transom-threads") && !tables.contains(&"transom-sessions"));
    let used = world.house.actions();
    world.customer_writes("Hello").await;
    let old = world.inbound_text("Hello").at(&world.path("webhooks"));
    assert_eq!(world.post_webhook(&old).await.status, 404);
    assert_eq!(world.send("Hi").await.status, 202);
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 1, "the whole road works under the new names");
    let resources: Vec<String> = used.snapshot().into_iter().map(|(_, _, r)| r).collect();
    assert!(resources.iter().any(|r| r.ends_with("table/transom-threads")));
    assert!(resources.iter().any(|r| r.ends_with("transom-answers.fifo")));
    assert!(
        !resources
            .iter()
            .any(|r| r.contains("transom-sessions") || r.contains("transom-replies.fifo"))
    );
}

every_provider!(a_function_is_held_to_its_policy);
async fn a_function_is_held_to_its_policy(provider: Provider) {
    let taken = TEMPLATE.replacen(
        "dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:DeleteItem",
        "dynamodb:GetItem, dynamodb:UpdateItem, dynamodb:DeleteItem",
        1,
    );
    assert_ne!(taken, TEMPLATE);
    let plan =
        WorldPlan { template: Some(taken), provider: Some(provider), ..WorldPlan::default() };
    let world = World::with(plan).await;
    let message = transom_testkit::PhoneMessage::text(
        transom_testkit::world::CUSTOMER,
        transom_testkit::world::NUMBER,
        "Hello",
    );
    let answer = world.sandbox().phone_send(message).await.unwrap();
    assert_eq!(answer.status, 503, "the inbound function may not put items any more");
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
}

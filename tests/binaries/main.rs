//! The main road of every provider through all seven binaries that are deployed, as processes of
//! their own under a Runtime API emulator, with the same final states as in one process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::path::PathBuf;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{PhoneContent, PhoneMedia, PhoneMessage, World, WorldPlan};

/// Builds the binaries as they are in this profile; answers where they are.
fn built() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let folder = exe.parent().unwrap().parent().unwrap().to_path_buf();
    let status = transom_testkit::cargo()
        .args(["build", "--workspace", "--bins", "--quiet"])
        .arg("--target-dir")
        .arg(folder.parent().unwrap())
        .status()
        .unwrap();
    assert!(status.success(), "cargo build --workspace --bins");
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_road_runs_through_the_deployed_binaries() {
    let binaries = built();
    for provider in Provider::ALL {
        let plan = WorldPlan {
            provider: Some(provider),
            binaries: Some(binaries.clone()),
            ..WorldPlan::default()
        };
        let world = World::with(plan).await;
        let first = world.customer_writes("Where is my order?").await;
        assert_eq!(world.sandbox().phone_resend(&first.sid).await.unwrap().status, 200);
        let path = format!("/webhooks/{}/tw", provider.as_str());
        let body = Some(b"{}".to_vec());
        let forged = world.raw("", "POST", &path, "application/json", body, &[]).await;
        assert_eq!(forged.status, 403, "{provider:?}");
        let sent = world.send("On its way.").await;
        assert_eq!(sent.status, 202, "{provider:?}: {}", sent.body);
        world.settle().await;
        let conversation = world.conversation().await;
        let id = conversation["id"].as_str().unwrap().to_owned();
        assert_eq!(conversation["window"]["state"], "open", "{provider:?}");
        assert_eq!(world.messages(&id).await.len(), 2, "{provider:?}");
        let message = world.message(&sent.text("id")).await;
        assert_eq!(message["status"], "delivered", "{provider:?}: {message}");
        assert_eq!(world.sandbox().outbox().len(), 1, "{provider:?}");
        world.opt_in("+919876500001").await;
        let template = world.send_template("+919876500001").await;
        assert_eq!(template.body["counts_against_limit"], true, "{provider:?}");
        world.settle().await;
        let shown = world.message(&template.text("id")).await;
        assert_eq!(shown["status"], "delivered", "{provider:?}: {shown}");

        // A customer's file is fetched and can be opened.
        let file = PhoneContent::Image(PhoneMedia::default());
        let image = PhoneMessage::new(CUSTOMER, NUMBER, file);
        assert_eq!(world.sandbox().phone_send(image).await.unwrap().status, 200);
        world.settle().await;
        let stored = world.subscriber.of("media.stored");
        let id = stored[0].body["data"]["media"].as_str().unwrap().to_owned();
        let item = world.get(&format!("/v1/media/{id}")).await;
        assert_eq!(item.text("state"), "stored", "{provider:?}: {}", item.body);
        let link = item.text("url").replace(&world.url, "");
        assert_eq!(world.raw("", "GET", &link, "", None, &[]).await.status, 200, "{provider:?}");

        // A cold start on the next day: the window has closed.
        for hours in [22, 25] {
            let ahead = Millis::from_hours(hours);
            world.house.clock().advance_to(world.now().plus(ahead));
            world.house.binaries().unwrap().restart(world.house.clock().ahead()).unwrap();
            world.house.sweep().await.unwrap();
            world.settle().await;
        }
        assert_eq!(world.subscriber.of("window.expiring").len(), 1, "{provider:?}");
        assert_eq!(world.subscriber.of("window.expired").len(), 1, "{provider:?}");
        assert_eq!(world.subscriber.of("message.received").len(), 2, "{provider:?}");
        let refused = world.send_to(CUSTOMER, "Late").await;
        assert_eq!((refused.status, refused.code()), (409, "window_expired"), "{provider:?}");
    }
}

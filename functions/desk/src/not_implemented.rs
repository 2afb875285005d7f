//! The calls of the contract that this build does not have: they say so, to whoever may make
//! them, instead of answering something else.

use crate::auth::{ADMIN, DESK, SUPERVISE};
use crate::call::{Call, delete, get, patch, post, put};
use crate::problem::Failure;
use transom_app::Problem;
use transom_core::code::Code;

pub(crate) fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    calls.extend(set_up());
    calls.extend(messages());
    calls.extend(desk());
    calls.extend(desk_conversations());
    calls.into_iter().map(|call| call.refuses(&[Code::NotImplemented])).collect()
}

async fn not_yet() -> Failure {
    Problem::new(Code::NotImplemented, "this call is not implemented yet").into()
}

fn set_up() -> Vec<Call> {
    vec![get("/v1/self-check", "Every check with its remedy", ADMIN, not_yet)]
}

fn messages() -> Vec<Call> {
    const CONTACT: &str = "/v1/senders/{sender}/contacts/{contact}";
    vec![
        get(
            "/v1/senders/{sender}/contacts/{contact}/export",
            "Everything that is known of a contact",
            SUPERVISE,
            not_yet,
        ),
        delete(CONTACT, "Erase a contact", SUPERVISE, not_yet),
    ]
}

fn desk() -> Vec<Call> {
    vec![
        get("/v1/agents", "All agents", SUPERVISE, not_yet),
        put("/v1/agents/{agent}", "Create or change an agent", SUPERVISE, not_yet),
        delete("/v1/agents/{agent}", "Remove an agent", SUPERVISE, not_yet),
        put("/v1/agents/{agent}/state", "Set an agent's state", DESK, not_yet),
        get("/v1/queues", "All queues", SUPERVISE, not_yet),
        put("/v1/queues/{queue}", "Create or change a queue", SUPERVISE, not_yet),
        put("/v1/calendars/{calendar}", "Create or change a calendar", SUPERVISE, not_yet),
        get("/v1/offers", "An agent's offers", DESK, not_yet),
        post("/v1/offers/{id}/accept", "Accept an offer", DESK, not_yet),
        post("/v1/offers/{id}/decline", "Decline an offer", DESK, not_yet),
        get("/v1/wrap-up-reasons", "All wrap-up reasons", DESK, not_yet),
        put("/v1/wrap-up-reasons/{id}", "Create or change a reason", SUPERVISE, not_yet),
        delete("/v1/wrap-up-reasons/{id}", "Remove a reason", SUPERVISE, not_yet),
        get("/v1/canned", "All canned answers", DESK, not_yet),
        put("/v1/canned/{id}", "Create or change a canned answer", SUPERVISE, not_yet),
        delete("/v1/canned/{id}", "Remove a canned answer", SUPERVISE, not_yet),
        get("/v1/triggers", "All triggers", SUPERVISE, not_yet),
        put("/v1/triggers/{id}", "Create or change a trigger", SUPERVISE, not_yet),
        delete("/v1/triggers/{id}", "Remove a trigger", SUPERVISE, not_yet),
        get("/v1/radar", "Conversations by the time that is left", DESK, not_yet),
    ]
}

fn desk_conversations() -> Vec<Call> {
    vec![
        patch("/v1/conversations/{id}", "Change name, note, tags, automation", DESK, not_yet),
        post("/v1/conversations/{id}/notes", "Add a private note", DESK, not_yet),
        post("/v1/conversations/{id}/claim", "Take a conversation", DESK, not_yet),
        post("/v1/conversations/{id}/assign", "Give it to an agent or queue", DESK, not_yet),
        post("/v1/conversations/{id}/transfer", "Offer it to another", DESK, not_yet),
        post("/v1/conversations/{id}/conference", "Ask another in", DESK, not_yet),
        post("/v1/conversations/{id}/conference/end", "End the conference", DESK, not_yet),
        post("/v1/conversations/{id}/conference/exit", "Leave the conference", DESK, not_yet),
        post("/v1/conversations/{id}/end", "End the conversation", DESK, not_yet),
    ]
}

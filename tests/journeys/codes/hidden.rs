//! Of a Billing Center username nobody learns whether it exists.

use landfall_tests::caller::{Caller, Reply};
use landfall_tests::patience::until;
use serde_json::{Value, json};

use super::{Ann, mails, start, with};

/// The document without what differs between any two activations.
fn alike(mut seen: Value, username: &str) -> String {
    for member in ["id", "account_id", "instance_id", "created_at", "updated_at"] {
        seen[member] = json!(null);
    }
    for time in ["expires_at", "resend_at"] {
        seen["verification"][time] = json!(null);
    }
    for step in seen["steps"].as_array_mut().unwrap() {
        step["queued_at"] = json!(null);
        step["finished_at"] = json!(step["finished_at"].is_null());
    }
    seen.to_string().replace(username, "NAME")
}

#[tokio::test]
async fn nothing_tells_whether_a_username_exists() {
    let mut stack = start().await;
    let sandbox = Caller::new(&stack.sandbox_url);
    let _ = sandbox
        .post("sandbox/billing-accounts", json!({"username": "Known.One", "email": "k@bills.example"}))
        .await
        .is(201);
    let buyers = [
        (Ann::at_the_choice(&stack, "1900000000000001", "400750001").await, "kNOWN.oNE"),
        (Ann::at_the_choice(&stack, "1900000000000002", "400750002").await, "uNKNO.oNE"),
    ];
    let mut told: Vec<Vec<String>> = Vec::new();
    for (ann, username) in &buyers {
        let ask = json!({"purpose": "billing_account", "username": format!(" {username}\n")});
        let mut heard = Vec::new();
        let mut hear = |reply: &Reply| {
            let mut body = reply.json();
            body["trace_id"] = json!(null);
            let body = if body["id"].is_string() { alike(body, username) } else { body.to_string() };
            heard.push(format!("{} {body}", reply.status));
        };
        let settled = async || {
            let seen = ann
                .sees_when("the name was looked up", |seen| {
                    seen["verification"]["status"] == "sent"
                        && seen["steps"].as_array().unwrap().iter().all(|step| step["status"] == "succeeded")
                })
                .await;
            // Asked for again, a mail that is still on its way would be cancelled.
            until("the hidden mail is out", || async {
                let on_its_way =
                    sqlx::query_scalar::<_, i64>("select count(*) from commands where hidden and state = 'ready'");
                (on_its_way.fetch_one(&stack.pool).await.unwrap() == 0).then_some(())
            })
            .await;
            seen
        };
        let asked = ann.asks(ask.clone()).await;
        let shown = asked.is(202)["verification"].clone();
        assert_eq!((&shown["sent_to"], &shown["attempts_left"]), (&json!(null), &json!(5)));
        hear(&asked);
        let seen = settled().await;
        assert_eq!((&seen["verification"]["status"], &seen["action"]), (&json!("sent"), &json!("enter_code")));
        // Whatever becomes of the hidden mail shows nowhere: the version stands still.
        sqlx::query("update challenges set resend_at = now()").execute(&stack.pool).await.unwrap();
        hear(&ann.asks(ask.clone()).await);
        settled().await;
        hear(&ann.caller.get(&ann.path).await);
        hear(&ann.asks(ask.clone()).await);
        for _ in 0..6 {
            hear(&ann.checks(with(ask.clone(), "000000")).await);
        }
        hear(
            &ann.caller
                .post(&format!("{}/billing-account", ann.path), with(json!({"username": username}), "000001"))
                .await,
        );
        hear(&ann.caller.post(&format!("{}/billing-account", ann.path), json!({"username": username})).await);
        hear(&ann.caller.get(&ann.path).await);
        hear(&ann.asks(ask.clone()).await);
        settled().await;
        hear(&ann.caller.get(&ann.path).await);
        told.push(heard);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(mails(&stack, "k@bills.example", 3).await.len(), 3);
    // Its mail cannot be delivered: that is an operator's matter, and shows to nobody else.
    stack.fault("mail", json!({"kind": "error", "path": "rcpt", "status": 550})).await;
    sqlx::query("update challenges set tries = 5, status = 'spent'").execute(&stack.pool).await.unwrap();
    for (ann, username) in &buyers {
        let ask = json!({"purpose": "billing_account", "username": username});
        assert_eq!(ann.asks(ask).await.status, 202);
        let seen = ann.sees_when("the name was looked up", |seen| seen["verification"]["status"] == "sent").await;
        assert_eq!((&seen["action"], &seen["problem"]), (&json!("enter_code"), &json!(null)));
    }
    until("the hidden mail was refused", || async {
        let refused = sqlx::query_scalar::<_, i64>("select count(*) from commands where hidden and state = 'refused'");
        (refused.fetch_one(&stack.pool).await.unwrap() == 1).then_some(())
    })
    .await;
    for (ann, _) in &buyers {
        assert_eq!(ann.sees().await["verification"]["status"], "sent");
    }
    stack.heal().await;
    stack.ends_well().await;
}

//! Typed entry (contract §3): what may be typed, how often, who then holds the instance, and what a stranger learns.

use futures_util::future::join_all;
use landfall_tests::caller::Caller;
use landfall_tests::seller::{Seller, sees};
use landfall_tests::stack::{Stack, Wishes};
use serde_json::{Value, json};

const ACCOUNT: &str = "1987654321012345";

fn ids(account_id: &str, instance_id: &str) -> Value {
    json!({"marketplace": "alibaba", "account_id": account_id, "instance_id": instance_id})
}

async fn start(entries_per_client: &str) -> (Stack, Seller) {
    let stack = Wishes::default().by_announcement().with("ENTRIES_PER_CLIENT", entries_per_client).start().await;
    let seller = Seller::of(&stack);
    (stack, seller)
}

/// The holder of the page token, and the activation's path.
fn entered(seller: &Seller, answer: &Value) -> (Caller, String) {
    let token = format!("Bearer {}", answer["token"].as_str().unwrap());
    (seller.caller.with("authorization", &token), format!("v1/activations/{}", answer["id"].as_str().unwrap()))
}

#[tokio::test]
async fn both_ids_are_typed_in_every_form_and_lead_to_an_activation() {
    let (mut stack, seller) = start("1000").await;
    seller.announces(ACCOUNT, "400510001").await;
    let full_width = ids("\u{3000}１９８７６５４３２１０１２３４５\n", " 400510001 ");
    let reply = seller.caller.post("v1/activations", full_width).await;
    let answer = reply.is(202);
    assert_eq!((&answer["account_id"], &answer["instance_id"]), (&json!(ACCOUNT), &json!("400510001")));
    assert_eq!(
        (&answer["started_by"], &answer["status"], &answer["stage"]),
        (&json!("typed"), &json!("running"), &json!("purchase"))
    );
    assert_eq!(answer["steps"][0]["name"], "verify_purchase");
    assert!(reply.header("set-cookie").starts_with("landfall_session=") && reply.header("etag") == "\"1\"");
    assert_eq!(reply.header("location"), format!("/v1/activations/{}", answer["id"].as_str().unwrap()));
    let (ann, path) = entered(&seller, &answer);
    let seen = sees(&ann, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    assert!(seen.get("token").is_none());
    let by_cookie = seller.caller.with("cookie", &reply.cookie());
    assert_eq!(by_cookie.get(&path).await.status, 200);
    // It holds the instance now.
    seller.caller.post("v1/activations", ids(ACCOUNT, "400510001")).await.is_problem(409, "already-started");
    seller.caller.post("v1/activations", ids("1", "400510001")).await.is_problem(409, "already-started");

    let digits = "1".repeat(33);
    let of = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    for (text, code) in [
        (json!(null), "required"),
        (json!(""), "required"),
        (json!(" "), "required"),
        (json!("\u{3000}\n"), "required"),
        (json!("12a"), "invalid-characters"),
        (json!("-1"), "invalid-characters"),
        (json!("1 2"), "invalid-characters"),
        (json!("①"), "invalid-characters"),
        (json!("١٢"), "invalid-characters"),
        (json!("1\u{200b}"), "invalid-characters"),
        (json!("1\u{0}"), "invalid-characters"),
        (json!(digits), "too-long"),
    ] {
        let body = json!({"marketplace": "alibaba", "account_id": text, "instance_id": text, "more": [1]});
        let fields = seller.caller.post("v1/activations", body).await.wrong_fields();
        assert_eq!(fields, [of("account_id", code), of("instance_id", code)], "{text}");
    }
    let longest = "9".repeat(32);
    let _ = seller.caller.post("v1/activations", ids(&longest, &longest)).await.is(202);
    let nothing = seller.caller.post("v1/activations", json!({})).await.wrong_fields();
    assert_eq!(nothing, ["marketplace", "account_id", "instance_id"].map(|field| of(field, "required")));
    for marketplace in ["amazon", "Alibaba", "alibaba "] {
        let body = json!({"marketplace": marketplace, "account_id": "1", "instance_id": "2"});
        assert_eq!(seller.caller.post("v1/activations", body).await.wrong_fields(), [of("marketplace", "unknown")]);
    }
    for body in [json!({"marketplace": "alibaba", "account_id": 1, "instance_id": "2"}), json!(["alibaba", "1", "2"])] {
        seller.caller.post("v1/activations", body).await.is_problem(400, "malformed-request");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn of_two_that_verify_at_once_one_holds_and_a_strangers_guess_blocks_nobody() {
    let (mut stack, seller) = start("1000").await;
    seller.announces(ACCOUNT, "400520001").await;
    // A stranger's guess first; then many at once who know both ids.
    let guess = seller.caller.post("v1/activations", ids("1900000000000009", "400520001")).await.is(202);
    let (stranger, guessed) = entered(&seller, &guess);
    let seen = sees(&stranger, &guessed, "it is refused", |seen| seen["status"] == "waiting_for_buyer").await;
    assert_eq!((&seen["problem"]["code"], &seen["stage"]), (&json!("account-mismatch"), &json!("purchase")));
    assert_eq!((&seen["action"], &seen["steps"][0]["status"]), (&json!("correct"), &json!("refused")));
    for member in ["product_code", "sku_id", "trial", "billing_account", "verification"] {
        assert_eq!(seen[member], json!(null), "{member}");
    }
    let entries = join_all((0..6).map(|_| seller.caller.post("v1/activations", ids(ACCOUNT, "400520001")))).await;
    let mut holders = 0;
    for reply in entries {
        // Whoever came when it was held already is told at once.
        if reply.status == 409 {
            reply.is_problem(409, "already-started");
            continue;
        }
        let (caller, path) = entered(&seller, &reply.is(202));
        let seen = sees(&caller, &path, "it is settled", |seen| seen["status"] == "waiting_for_buyer").await;
        match seen["stage"].as_str().unwrap() {
            "purchase" => assert_eq!(seen["problem"]["code"], "already-started"),
            stage => {
                assert_eq!(stage, "billing_account");
                holders += 1;
            }
        }
    }
    assert_eq!(holders, 1);
    // The guess is not mended by any call.
    let again = stranger.post(&format!("{guessed}/billing-account"), json!({})).await;
    again.is_problem(409, "out-of-turn");
    stack.ends_well().await;
}

#[tokio::test]
async fn entries_are_counted_by_client_and_mismatches_by_instance() {
    let (mut stack, seller) = start("7").await;
    seller.announces(ACCOUNT, "400530001").await;
    let enter = async |account_id: &str| seller.caller.post("v1/activations", ids(account_id, "400530001")).await;
    // What is malformed does not count.
    for _ in 0..10 {
        assert_eq!(enter("x").await.status, 422);
    }
    let keyed = seller.caller.with("idempotency-key", "once");
    for n in 1..=5 {
        let answer = if n == 1 { keyed.post("v1/activations", ids("1", "400530001")).await } else { enter("1").await };
        let (stranger, path) = entered(&seller, &answer.is(202));
        sees(&stranger, &path, "it is refused", |seen| seen["problem"]["code"] == "account-mismatch").await;
    }
    // After five mismatches none for that instance, not even a right one; a replay is none.
    let refused = enter(ACCOUNT).await;
    refused.is_problem(429, "too-many-requests");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((80_000..=86_400).contains(&wait), "{wait}");
    let replayed = keyed.post("v1/activations", ids("1", "400530001")).await;
    assert_eq!((replayed.status, replayed.header("idempotent-replayed")), (202, "true"));
    // Another instance, until the client has had its seven; a refusal was none of them.
    for _ in 6..=7 {
        let (caller, path) =
            entered(&seller, &seller.caller.post("v1/activations", ids("1", "400530002")).await.is(202));
        sees(&caller, &path, "nobody knows it", |seen| seen["problem"]["code"] == "instance-not-found").await;
    }
    let refused = seller.caller.post("v1/activations", ids("1", "400530002")).await;
    refused.is_problem(429, "too-many-requests");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((3_000..=3_600).contains(&wait), "{wait}");
    assert_eq!(keyed.post("v1/activations", ids("1", "400530001")).await.status, 202);
    // An hour later the client may again; a day later the instance, too. Login Directly always may.
    sqlx::query("update typed_entries set entered_at = entered_at - interval '61 minutes'")
        .execute(&stack.pool)
        .await
        .unwrap();
    enter(ACCOUNT).await.is_problem(429, "too-many-requests");
    let (ann, path) = seller.logs_in(&stack.pool, "400530001").await;
    sees(&ann, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    sqlx::query("update commands set finished_at = finished_at - interval '25 hours'")
        .execute(&stack.pool)
        .await
        .unwrap();
    enter(ACCOUNT).await.is_problem(409, "already-started");
    stack.ends_well().await;
}

#[tokio::test]
async fn at_once_no_more_entries_are_taken_than_one_by_one() {
    let (mut stack, seller) = start("5").await;
    let (_api, other) = stack.another_api(&[]);
    landfall_tests::stack::ready(&other).await;
    let callers = [seller.caller.clone(), seller.caller.at(&other)];
    let entries = (0..24).map(|n| callers[n % 2].post("v1/activations", ids("1", "400540001")));
    let taken = join_all(entries).await.into_iter().filter(|reply| reply.status == 202).count();
    assert_eq!(taken, 5);
    stack.ends_well().await;
}

/// Many who guess at once, from many addresses and over two processes: what is being verified may be a mismatch, too.
#[tokio::test]
async fn however_many_guess_at_once_five_are_judged() {
    let wishes = Wishes::default().by_announcement().with("TRUSTED_PROXIES", "127.0.0.0/8");
    let mut stack = wishes.start().await;
    let (_api, other) = stack.another_api(&[]);
    landfall_tests::stack::ready(&other).await;
    let seller = Seller::of(&stack);
    seller.announces(ACCOUNT, "400550001").await;
    let callers = [seller.caller.clone(), seller.caller.at(&other)];
    let guesses = (0..40).map(|n| {
        let caller = callers[n % 2].with("x-forwarded-for", &format!("203.0.113.{n}"));
        let guess = ids(&format!("19000000000000{n:02}"), "400550001");
        async move {
            loop {
                let reply = caller.post("v1/activations", guess.clone()).await;
                // Whoever is told to come back in a moment does so at once.
                if reply.status != 429 || reply.header("retry-after").parse::<i64>().unwrap() > 60 {
                    return reply;
                }
            }
        }
    });
    let replies = join_all(guesses).await;
    let taken = replies.iter().filter(|reply| reply.status == 202).count();
    for refused in replies.iter().filter(|reply| reply.status != 202) {
        refused.is_problem(429, "too-many-requests");
    }
    assert_eq!(taken, 5);
    stack.is_sound(&[]).await;
    let judged = "select count(*) from commands where state = 'refused' and problem ->> 'code' = 'account-mismatch'";
    let judged: i64 = sqlx::query_scalar(judged).fetch_one(&stack.pool).await.unwrap();
    assert_eq!(judged, 5);
    stack.ends_well().await;
}

/// Whoever is being verified holds a place, and gives it back if it was no mismatch.
#[tokio::test]
async fn a_place_is_given_back_by_whoever_did_not_mismatch() {
    let mut stack = Wishes::default().by_announcement().prepare().await;
    stack.start_api().await;
    let seller = Seller::of(&stack);
    let mut entries = Vec::new();
    for _ in 0..5 {
        let entry = seller.caller.post("v1/activations", ids(ACCOUNT, "400560001")).await.is(202);
        entries.push(entered(&seller, &entry));
    }
    let refused = seller.caller.post("v1/activations", ids(ACCOUNT, "400560001")).await;
    refused.is_problem(429, "too-many-requests");
    assert!(refused.header("retry-after").parse::<i64>().unwrap() <= 60);
    // Of another instance nothing is known.
    let _ = seller.caller.post("v1/activations", ids(ACCOUNT, "400560002")).await.is(202);
    stack.start_workers().await;
    for (caller, path) in &entries {
        sees(caller, path, "nobody knows it", |seen| seen["problem"]["code"] == "instance-not-found").await;
    }
    let _ = seller.caller.post("v1/activations", ids(ACCOUNT, "400560001")).await.is(202);
    stack.ends_well().await;
}

#[tokio::test]
async fn the_typed_entry_can_be_switched_off() {
    let mut stack = Wishes::default().by_announcement().with("TYPED_ENTRY", "off").start().await;
    let seller = Seller::of(&stack);
    seller.caller.post("v1/activations", ids("1", "2")).await.is_problem(404, "not-found");
    assert_eq!(seller.caller.get("activate").await.status, 404);
    stack.ends_well().await;
}

/// A cloud account that is linked already: a typed entry must prove that account, and learns nothing of it before.
#[tokio::test]
async fn a_linked_account_is_proven_by_code_and_not_shown_before() {
    let mut stack = Stack::start().await;
    let mut ann = stack.buyer();
    for (username, email) in [("ann", "ann@bills.example"), ("bob", "bob@bills.example")] {
        ann.has("billing-accounts", json!({"username": username, "email": email})).await;
    }
    ann.purchases().await;
    ann.logs_in_directly().await;
    ann.settles().await;
    ann.binds_billing_account("ann", "ann@bills.example").await;
    // The same cloud account buys again, and the buyer types.
    let mut again = stack.buyer();
    again.purchases_with(json!({"account_id": ann.account_id})).await;
    let typed: Value = again.types_both_ids().await.json().await.unwrap();
    typed["id"].as_str().unwrap().clone_into(&mut again.activation_id);
    let seen = again.settles().await;
    assert_eq!((&seen["stage"], &seen["action"]), (&json!("billing_account"), &json!("choose_billing_account")));
    assert_eq!(seen["billing_account"], json!({"username": null, "bound_at": null}));
    assert_eq!(seen["workspaces"], json!([]));
    let registers = again.asks_for_code("registration", "new@example.com").await;
    assert_eq!(registers.status(), 409);
    assert_eq!(registers.json::<Value>().await.unwrap()["code"], "out-of-turn");
    let seen = again.binds_billing_account("bob", "bob@bills.example").await;
    assert_eq!(
        (&seen["problem"]["code"], &seen["action"]),
        (&json!("cloud-account-linked-elsewhere"), &json!("correct"))
    );
    let seen = again.binds_billing_account("ann", "ann@bills.example").await;
    assert_eq!((&seen["stage"], &seen["billing_account"]["username"]), (&json!("workspace"), &json!("a***")));
    stack.ends_well().await;
}

//! *Login Directly* (contract §2): which links are good, for whom, how often, and where they lead.

use landfall_tests::caller::Caller;
use landfall_tests::seller::{Seller, now, query, sees};
use landfall_tests::stack::{Stack, Wishes};
use reqwest::Method;
use serde_json::json;

const ACCOUNT: &str = "1987654321012345";

async fn start() -> (Stack, Seller) {
    let stack = Wishes::default().by_announcement().start().await;
    let seller = Seller::of(&stack);
    (stack, seller)
}

/// Three browsers at one address: the user agent tells them apart.
fn browsers(seller: &Seller) -> [Caller; 3] {
    ["one", "two", "three"].map(|name| seller.caller.with("user-agent", name))
}

/// The API's path of the activation that a link led to.
fn landed(reply: &landfall_tests::caller::Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text);
    format!("v1/activations/{}", reply.header("location").strip_prefix("/activate/").unwrap())
}

fn is_bad(reply: &landfall_tests::caller::Reply) -> bool {
    let page = reply.header("content-type").starts_with("text/html") && reply.text.contains("Login Directly");
    reply.status == 403 && page && reply.header("set-cookie").is_empty()
}

#[tokio::test]
async fn a_link_is_good_once_and_for_five_minutes() {
    let (mut stack, seller) = start().await;
    let [one, two, three] = browsers(&seller);
    seller.announces(ACCOUNT, "400110001").await;
    let link = seller.link(&stack.pool, "400110001", 0).await;
    // Whoever only looks at it does not use it up.
    let looked = three.send(Method::HEAD, &link, None).await;
    assert!(looked.status == 303 && looked.header("set-cookie").is_empty());
    let first = one.get(&link).await;
    let path = landed(&first);
    let cookie = first.header("set-cookie");
    for attribute in ["landfall_session=", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let chosen = one.get("activate?lang=zh").await;
    for cookie in [cookie, chosen.header("set-cookie")] {
        assert!(!cookie.is_empty() && !cookie.contains("Secure"), "PUBLIC_URL is http: {cookie}");
    }
    assert_eq!((first.header("cache-control"), first.header("referrer-policy").len() > 20), ("no-store", false));
    // A double click: the same client within ten seconds, spelt differently or not.
    let again = one.get(&link.replace("%3A", ":")).await;
    assert_eq!(landed(&again), path);
    assert_ne!(again.cookie(), first.cookie());
    assert!(is_bad(&two.get(&link).await), "another client");
    sqlx::query("update login_links set used_at = used_at - interval '11 seconds'").execute(&stack.pool).await.unwrap();
    assert!(is_bad(&one.get(&link).await), "the same client, later");
    for cookie in [first.cookie(), again.cookie()] {
        assert_eq!(three.with("cookie", &cookie).get(&path).await.is(200)["account_id"], ACCOUNT);
    }
    // The clock may be wrong by five minutes, and by no more.
    for (seconds, is_good) in [(-290, true), (290, true), (-310, false), (310, false), (-8 * 3600, false)] {
        let reply = one.get(&seller.link(&stack.pool, "400110001", seconds).await).await;
        assert_eq!(reply.status == 303, is_good, "{seconds}");
        assert_eq!(is_bad(&reply), !is_good, "{seconds}");
    }
    malformed_links_are_bad(&stack, &seller).await;
    stack.ends_well().await;
}

async fn malformed_links_are_bad(stack: &Stack, seller: &Seller) {
    let time = now(&stack.pool).await + time::Duration::hours(8);
    let time = format!("{} {:02}:{:02}:{:02}", time.date(), time.hour(), time.minute(), time.second());
    let digits = "4".repeat(33);
    for pairs in [
        vec![("action", "login"), ("instanceId", "400110001"), ("timeStamp", &time)],
        vec![("action", "verify"), ("instanceId", "400110001")],
        vec![("action", "verify"), ("timeStamp", &time)],
        vec![("instanceId", "400110001"), ("timeStamp", &time)],
        vec![("action", "verify"), ("instanceId", "4a"), ("timeStamp", &time)],
        vec![("action", "verify"), ("instanceId", &digits), ("timeStamp", &time)],
        vec![("action", "verify"), ("instanceId", "400110001"), ("timestamp", &time)],
        vec![("action", "verify"), ("instanceId", "400110001"), ("timeStamp", "now")],
    ] {
        let link = format!("marketplaces/alibaba/login?{}", seller.sign(&query(&pairs)));
        assert!(is_bad(&seller.caller.get(&link).await), "{pairs:?}");
    }
    let good = query(&[("action", "verify"), ("instanceId", "400110001"), ("timeStamp", &time), ("region", "zh")]);
    assert!(is_bad(&seller.caller.get(&format!("marketplaces/alibaba/login?{good}")).await));
    assert!(is_bad(&seller.caller.get(&format!("marketplaces/alibaba/login?{good}&token=0")).await));
    assert!(is_bad(&seller.caller.get("marketplaces/alibaba/login").await));
    let extra = seller.caller.get(&format!("marketplaces/alibaba/login?{}", seller.sign(&good))).await;
    assert_eq!(extra.status, 303, "further parameters are signed, too");
    seller.caller.post("marketplaces/alibaba/login", json!({})).await.is_problem(405, "method-not-allowed");
}

#[tokio::test]
async fn a_browser_keeps_what_it_could_see_under_a_new_session() {
    let (mut stack, seller) = start().await;
    let [one, two, _] = browsers(&seller);
    seller.announces(ACCOUNT, "400120001").await;
    seller.announces(ACCOUNT, "400120002").await;
    let first = one.get(&seller.link(&stack.pool, "400120001", 0).await).await;
    let seen_first = landed(&first);
    let before = one.with("cookie", &first.cookie());
    // A double click on the second link: both requests bring the old session.
    let link = seller.link(&stack.pool, "400120002", 0).await;
    for reply in [before.get(&link).await, before.get(&link).await] {
        let seen_second = landed(&reply);
        assert_ne!(seen_second, seen_first);
        let after = one.with("cookie", &reply.cookie());
        for path in [&seen_first, &seen_second] {
            assert_eq!(after.get(path).await.status, 200, "{path}");
        }
    }
    before.get(&seen_first).await.is_problem(401, "not-signed-in");
    // The old id opens nothing, and is no way to a new session for somebody who finds it later.
    sqlx::query("update sessions set replaced_at = replaced_at - interval '11 seconds'")
        .execute(&stack.pool)
        .await
        .unwrap();
    seller.announces(ACCOUNT, "400120003").await;
    let found = two.with("cookie", &first.cookie()).get(&seller.link(&stack.pool, "400120003", 0).await).await;
    two.with("cookie", &found.cookie()).get(&seen_first).await.is_problem(404, "unknown-activation");
    // Sessions live a day from their last use.
    let second = one.get(&seller.link(&stack.pool, "400120001", 1).await).await;
    let second = one.with("cookie", &second.cookie());
    sqlx::query("update sessions set used_at = used_at - interval '23 hours'").execute(&stack.pool).await.unwrap();
    assert_eq!(second.get(&seen_first).await.status, 200);
    sqlx::query("update sessions set used_at = used_at - interval '23 hours'").execute(&stack.pool).await.unwrap();
    assert_eq!(second.get(&seen_first).await.status, 200, "its last use was just now");
    sqlx::query("update sessions set used_at = used_at - interval '25 hours'").execute(&stack.pool).await.unwrap();
    second.get(&seen_first).await.is_problem(401, "not-signed-in");
    stack.ends_well().await;
}

#[tokio::test]
async fn a_link_leads_to_the_holder_else_to_what_a_login_began_else_to_a_new_one() {
    let (mut stack, seller) = start().await;
    let [one, two, three] = browsers(&seller);
    // Never announced: it waits, and a second link leads to the same.
    let (unknown, path) = seller.logs_in(&stack.pool, "400130001").await;
    let seen = sees(&unknown, &path, "nobody knows the instance", |seen| seen["status"] == "waiting_for_buyer").await;
    assert_eq!((&seen["account_id"], &seen["problem"]["code"]), (&json!(null), &json!("instance-not-found")));
    assert_eq!((&seen["action"], &seen["started_by"]), (&json!("correct"), &json!("login")));
    assert_eq!(landed(&one.get(&seller.link(&stack.pool, "400130001", 1).await).await), path);
    seller.announces(ACCOUNT, "400130001").await;
    let seen = sees(&unknown, &path, "it goes on by itself", |seen| seen["stage"] == "billing_account").await;
    assert_eq!(seen["account_id"], ACCOUNT);

    // Typed, verified, and so the holder: Login Directly takes it over, and what came from the typed entry ends.
    seller.announces(ACCOUNT, "400130002").await;
    let ids = json!({"marketplace": "alibaba", "account_id": ACCOUNT, "instance_id": "400130002"});
    let keyed = two.with("idempotency-key", "typed-1");
    let typed = keyed.post("v1/activations", ids.clone()).await;
    let entered = typed.is(202);
    assert_eq!(entered["started_by"], "typed");
    let typed_path = format!("v1/activations/{}", entered["id"].as_str().unwrap());
    let by_token = two.with("authorization", &format!("Bearer {}", entered["token"].as_str().unwrap()));
    let by_cookie = two.with("cookie", &typed.cookie());
    sees(&by_token, &typed_path, "it is verified", |seen| seen["stage"] == "billing_account").await;
    assert_eq!(by_cookie.get(&typed_path).await.status, 200);
    let taken_over = three.get(&seller.link(&stack.pool, "400130002", 0).await).await;
    assert_eq!(landed(&taken_over), typed_path);
    by_token.get(&typed_path).await.is_problem(401, "not-signed-in");
    by_cookie.get(&typed_path).await.is_problem(404, "unknown-activation");
    keyed.post("v1/activations", ids).await.is_problem(409, "already-started");
    let owner = three.with("cookie", &taken_over.cookie());
    assert_eq!(owner.get(&typed_path).await.is(200)["started_by"], "login");

    // A stranger's guess, which holds nothing, is not where the buyer lands.
    seller.announces(ACCOUNT, "400130003").await;
    let guess = json!({"marketplace": "alibaba", "account_id": "1900000000000009", "instance_id": "400130003"});
    let guessed = one.post("v1/activations", guess).await.is(202);
    let guessed_path = format!("v1/activations/{}", guessed["id"].as_str().unwrap());
    let stranger = one.with("authorization", &format!("Bearer {}", guessed["token"].as_str().unwrap()));
    let seen = sees(&stranger, &guessed_path, "it is refused", |seen| seen["status"] == "waiting_for_buyer").await;
    assert_eq!(seen["problem"]["code"], "account-mismatch");
    let (buyer, path) = seller.logs_in(&stack.pool, "400130003").await;
    assert_ne!(path, guessed_path);
    sees(&buyer, &path, "it is verified", |seen| seen["stage"] == "billing_account").await;
    assert_eq!(stranger.get(&guessed_path).await.is(200)["problem"]["code"], "account-mismatch");

    // Released before anything was bound: nothing is left to activate.
    let release = [("action", "releaseInstance"), ("instanceId", "400130003")];
    assert_eq!(seller.calls(&release).await.text, r#"{"success":"true"}"#);
    let seen = buyer.get(&path).await.is(200);
    assert_eq!((&seen["status"], &seen["problem"]["code"]), (&json!("cancelled"), &json!("instance-released")));
    // A new one, which is over, and says so; a double click leads to the same.
    let link = seller.link(&stack.pool, "400130003", 2).await;
    let led = one.get(&link).await;
    assert_ne!(landed(&led), path);
    assert_eq!(landed(&one.get(&link).await), landed(&led));
    let owner = one.with("cookie", &led.cookie());
    let seen = owner.get(&landed(&led)).await.is(200);
    assert_eq!((&seen["status"], &seen["problem"]["code"]), (&json!("cancelled"), &json!("instance-released")));
    assert_eq!((&seen["account_id"], &seen["stage"]), (&json!(ACCOUNT), &json!("purchase")));
    let page = owner.get(led.header("location").trim_start_matches('/')).await;
    assert!(page.status == 200 && page.text.contains("The marketplace has ended this instance"), "{}", page.text);
    stack.ends_well().await;
}

#[tokio::test]
async fn behind_https_every_cookie_is_secure() {
    let wishes = Wishes::default().by_announcement().with("PUBLIC_URL", "https://activate.acme.example");
    let mut stack = wishes.start().await;
    let seller = Seller::of(&stack);
    seller.announces(ACCOUNT, "400110007").await;
    let landed = seller.caller.get(&seller.link(&stack.pool, "400110007", 0).await).await;
    let chosen = seller.caller.get("activate?lang=zh").await;
    for (name, reply) in [("landfall_session=", landed), ("landfall_language=zh", chosen)] {
        let cookie = reply.header("set-cookie");
        assert!(cookie.starts_with(name) && cookie.ends_with("; Secure"), "{cookie}");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_bound_instance_leads_to_its_login_page_while_it_is_in_use() {
    let mut stack = Stack::start().await;
    let mut ann = stack.buyer();
    let account = ann.has("billing-accounts", json!({"username": "ann", "email": "ann@bills.example"})).await;
    let id = ann.has("workspaces", json!({"name": "Lab", "billing_account_id": account, "site": "sg"})).await;
    ann.purchases().await;
    ann.logs_in_directly().await;
    ann.settles().await;
    ann.binds_billing_account("ann", "ann@bills.example").await;
    ann.binds_workspace(&id).await;
    let path = format!("/activate/{}", ann.activation_id);
    let place =
        |reply: reqwest::Response| reply.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
    let link = ann.login_link().await;
    assert_eq!(place(ann.follows(&link).await), Some(path), "bound, not confirmed");
    ann.confirms().await;
    let login_url = format!("{}console/login?site=sg", stack.sandbox_url);
    for _ in 0..2 {
        let link = ann.login_link().await;
        let landed = ann.follows(&link).await;
        assert_eq!((landed.status().as_u16(), place(landed)), (303, Some(login_url.clone())));
    }
    for (state, status) in [("expire", 403), ("renew", 303), ("release", 403)] {
        ann.marketplace_says(state, json!({})).await;
        let link = ann.login_link().await;
        let landed = ann.follows(&link).await;
        assert_eq!(landed.status().as_u16(), status, "{state}");
        if status == 403 {
            assert!(landed.text().await.unwrap().contains("Purchased Services"));
        }
    }
    stack.ends_well().await;
}

//! Who may see what (contract §3, "Access"), and the order in which a request is judged.

use landfall_tests::caller::Caller;
use landfall_tests::seller::{Seller, sees};
use landfall_tests::stack::{Stack, Wishes, secrets};
use reqwest::Method;
use serde_json::{Value, json};

const ACCOUNT: &str = "1987654321012345";
const STRANGE: &str = "0199a000-0000-7000-8000-000000000000";

async fn start() -> (Stack, Seller, Caller, String) {
    let stack = Wishes::default().by_announcement().start().await;
    let seller = Seller::of(&stack);
    seller.announces(ACCOUNT, "400210001").await;
    let (ann, path) = seller.logs_in(&stack.pool, "400210001").await;
    sees(&ann, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    (stack, seller, ann, path)
}

/// Every call of the buyer's API on an activation.
fn calls(path: &str) -> Vec<(Method, String)> {
    let posts = [
        "verification-codes",
        "verification-codes/check",
        "registration",
        "billing-account",
        "workspaces/refresh",
        "workspace",
        "confirmation",
    ];
    let posts = posts.map(|call| (Method::POST, format!("{path}/{call}")));
    std::iter::once((Method::GET, path.to_owned())).chain(posts).collect()
}

#[tokio::test]
async fn nobody_sees_what_is_not_theirs() {
    let (mut stack, seller, ann, path) = start().await;
    let json = |caller: &Caller| caller.with("content-type", "application/json");
    let body = || Some(b"{}".to_vec());
    let cookie = format!("landfall_session={}", "A".repeat(43));
    let strangers = [
        seller.caller.clone(),
        seller.caller.with("cookie", &cookie),
        seller.caller.with("cookie", "landfall_session="),
        seller.caller.with("authorization", "Bearer lf_AAAA"),
        seller.caller.with("authorization", "Bearer"),
        seller.caller.with("authorization", "Basic YTpi"),
        ann.with("authorization", "Bearer lf_AAAA"),
        ann.with("authorization", "\u{e4}"),
    ];
    for id in [path.as_str(), &format!("v1/activations/{STRANGE}"), "v1/activations/nonsense", "v1/activations/%00"] {
        for (method, call) in calls(id) {
            for stranger in &strangers {
                let refused = json(stranger).send(method.clone(), &call, body()).await;
                refused.is_problem(401, "not-signed-in");
                assert_eq!(refused.header("www-authenticate"), "Bearer");
            }
            if id != path {
                json(&ann).send(method, &call, body()).await.is_problem(404, "unknown-activation");
            }
        }
    }
    // Somebody else's session, and a token for another activation.
    seller.announces("1900000000000002", "400210002").await;
    let (bob, _) = seller.logs_in(&stack.pool, "400210002").await;
    let ids = json!({"marketplace": "alibaba", "account_id": "1", "instance_id": "2"});
    let typed = seller.caller.post("v1/activations", ids).await.is(202);
    let typist = seller.caller.with("authorization", &format!("bearer {}", typed["token"].as_str().unwrap()));
    let own = format!("v1/activations/{}", typed["id"].as_str().unwrap());
    assert_eq!(typist.get(&own).await.status, 200);
    for (method, call) in calls(&path) {
        json(&bob).send(method.clone(), &call, body()).await.is_problem(404, "unknown-activation");
        json(&typist).send(method, &call, body()).await.is_problem(404, "unknown-activation");
    }
    // A token that is shown outweighs a cookie that would do.
    ann.with("authorization", &format!("Bearer {}", typed["token"].as_str().unwrap()))
        .get(&path)
        .await
        .is_problem(404, "unknown-activation");
    for odd in ["v1/activations/%FF", "v1/nothing", "v1/activations/", "%C0%80", "marketplaces/nobody/spi"] {
        ann.get(odd).await.is_problem(404, "not-found");
    }
    sees(&typist, &own, "the entry is refused", |seen| seen["status"] == "waiting_for_buyer").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn another_origins_page_writes_nothing_with_our_cookie() {
    let (mut stack, seller, ann, path) = start().await;
    let own = stack.api_url.as_str().trim_end_matches('/').to_owned();
    let foreign = [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "http://127.0.0.1")],
        vec![("origin", "https://\u{e9}vil.example")],
        vec![("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
    ];
    let ours = [
        vec![],
        vec![("origin", own.as_str())],
        vec![("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-origin")],
        vec![("sec-fetch-site", "none")],
    ];
    let with = |caller: &Caller, headers: &[(&str, &str)]| {
        headers
            .iter()
            .fold(caller.with("content-type", "application/json"), |caller, (name, value)| caller.with(name, value))
    };
    for headers in &foreign {
        let evil = with(&ann, headers);
        for (method, call) in calls(&path).into_iter().filter(|(method, _)| method == Method::POST) {
            evil.send(method, &call, Some(b"{}".to_vec())).await.is_problem(403, "cross-origin");
        }
        evil.send(Method::DELETE, "v1/session", None).await.is_problem(403, "cross-origin");
        let ids = json!({"marketplace": "alibaba", "account_id": "1", "instance_id": "2"});
        evil.post("v1/activations", ids).await.is_problem(403, "cross-origin");
        assert_eq!(evil.get(&path).await.status, 200, "reading is no write");
        // Nobody's cookie: then first who it is.
        with(&seller.caller, headers)
            .post(&format!("{path}/confirmation"), json!({}))
            .await
            .is_problem(401, "not-signed-in");
    }
    for headers in &ours {
        with(&ann, headers).post(&format!("{path}/confirmation"), json!({})).await.is_problem(409, "out-of-turn");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn signing_out_ends_the_session_or_the_token() {
    let (mut stack, seller, ann, path) = start().await;
    seller.caller.send(Method::DELETE, "v1/session", None).await.is_problem(401, "not-signed-in");
    let out = ann.send(Method::DELETE, "v1/session", None).await;
    assert_eq!((out.status, out.text.as_str()), (204, ""));
    assert!(
        out.header("set-cookie").starts_with("landfall_session=; ") && out.header("set-cookie").contains("Max-Age=0")
    );
    ann.get(&path).await.is_problem(401, "not-signed-in");
    ann.send(Method::DELETE, "v1/session", None).await.is_problem(401, "not-signed-in");

    seller.announces(ACCOUNT, "400210003").await;
    let ids = json!({"marketplace": "alibaba", "account_id": ACCOUNT, "instance_id": "400210003"});
    let typed = seller.caller.with("idempotency-key", "k").post("v1/activations", ids.clone()).await;
    let entered = typed.is(202);
    let token = seller.caller.with("authorization", &format!("Bearer {}", entered["token"].as_str().unwrap()));
    let own = format!("v1/activations/{}", entered["id"].as_str().unwrap());
    sees(&token, &own, "the purchase is verified", |seen| seen["stage"] == "billing_account").await;
    assert_eq!(token.send(Method::DELETE, "v1/session", None).await.status, 204);
    token.get(&own).await.is_problem(401, "not-signed-in");
    seller.caller.with("idempotency-key", "k").post("v1/activations", ids).await.is_problem(409, "already-started");
    assert_eq!(seller.caller.with("cookie", &typed.cookie()).get(&own).await.status, 200, "the session is another");
    stack.ends_well().await;
}

/// Size before kind, form before person, person before activation, key before stage, stage before fields, fields before code.
#[tokio::test]
async fn a_request_is_judged_in_the_contracts_order() {
    let (mut stack, seller, ann, path) = start().await;
    let nobody = seller.caller.clone();
    let large = || Some(vec![b' '; 64 * 1024 + 1]);
    let codes = format!("{path}/verification-codes");
    let posts = |caller: &Caller, kind: &str, body: Option<Vec<u8>>| {
        let (caller, codes) = (caller.with("content-type", kind), codes.clone());
        async move { caller.send(Method::POST, &codes, body).await }
    };
    posts(&nobody, "application/json", large()).await.is_problem(413, "payload-too-large");
    posts(&nobody, "application/json", Some(vec![b' '; 3_000_000])).await.is_problem(413, "payload-too-large");
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/problem+json"]
    {
        posts(&nobody, kind, Some(b"{}".to_vec())).await.is_problem(415, "unsupported-media-type");
    }
    nobody.send(Method::POST, &codes, Some(b"{}".to_vec())).await.is_problem(415, "unsupported-media-type");
    let deep = format!(r#"{{"more":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    for body in [
        "",
        "{",
        "[]",
        "null",
        "7",
        "\"a\"",
        "{}{}",
        "\u{feff}{}",
        "{\"purpose\":1}",
        "{\"email\":[]}",
        "{\"code\":123456}",
        "{\"purpose\":\"\\ud800\"}",
        "{'purpose':1}",
        "{\"purpose\":\"a\",\"purpose\":\"b\"}",
        "[null,null,null,null]",
        "\u{0}",
    ] {
        let reply = posts(&nobody, "application/json", Some(body.into())).await;
        reply.is_problem(400, "malformed-request");
    }
    posts(&nobody, "application/json", Some(b"{\"whatever\":\"\xff\"}".to_vec()))
        .await
        .is_problem(400, "malformed-request");
    posts(&nobody, "application/json", Some(b"{\"email\":\"\xff\"}".to_vec()))
        .await
        .is_problem(400, "malformed-request");
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y"] {
        posts(&nobody, kind, Some(b"{}".to_vec())).await.is_problem(401, "not-signed-in");
        posts(&ann, kind, Some(deep.clone().into())).await.is_problem(422, "invalid-field");
        posts(&ann, kind, Some(br#"{"unknown":[1e999,{"a":null}],"more":-0.0}"#.to_vec()))
            .await
            .is_problem(422, "invalid-field");
    }
    // Stage before fields, and fields before the code.
    ann.post(&format!("{path}/workspace"), json!({"bind": {}})).await.is_problem(409, "out-of-turn");
    let wrong = json!({"purpose": "registration", "email": "nobody", "code": "12"});
    let fields = ann.post(&format!("{codes}/check"), wrong).await.wrong_fields();
    let of = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    assert_eq!(fields, [of("email", "invalid-format"), of("code", "invalid-format")]);
    let unsent = json!({"username": "ann", "code": "123456"});
    let problem = ann.post(&format!("{path}/billing-account"), unsent).await.is_problem(422, "code-invalid");
    assert_eq!(problem["attempts_left"], 0);
    for (purpose, code) in [(json!(null), "required"), (json!(""), "required"), (json!("login"), "unknown")] {
        let fields = ann.post(&codes, json!({"purpose": purpose})).await.wrong_fields();
        assert_eq!(fields, [of("purpose", code)]);
    }
    methods_that_are_not_there(&ann, &path).await;
    stack.ends_well().await;
}

async fn methods_that_are_not_there(ann: &Caller, path: &str) {
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::POST, Method::OPTIONS] {
        let refused = ann.send(method, path, None).await;
        refused.is_problem(405, "method-not-allowed");
        assert_eq!(refused.header("allow"), "GET,HEAD");
    }
    for (method, call) in calls(path).into_iter().filter(|(method, _)| method == Method::POST) {
        for other in [Method::GET, Method::OPTIONS, Method::DELETE] {
            let refused = ann.send(other, &call, None).await;
            assert_eq!((refused.status, refused.header("allow")), (405, "POST"), "{method} {call}");
        }
    }
    let head = ann.send(Method::HEAD, path, None).await;
    assert_eq!((head.status, head.text.as_str(), head.header("content-type")), (200, "", "application/json"));
}

#[tokio::test]
async fn the_client_is_whom_the_trusted_proxies_name() {
    let mut stack = Wishes::default().by_announcement().with("ENTRIES_PER_CLIENT", "1").prepare().await;
    stack.start_api_with(&[("TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8")]).await;
    stack.start_workers().await;
    let caller = Caller::new(&stack.api_url);
    let enters = async |caller: &Caller, forwarded: &str| {
        let ids = json!({"marketplace": "alibaba", "account_id": "1", "instance_id": "2"});
        caller.with("x-forwarded-for", forwarded).post("v1/activations", ids).await.status
    };
    // The rightmost outside of the proxies; what stands left of it anybody may have written.
    assert_eq!(enters(&caller, "203.0.113.7").await, 202);
    assert_eq!(enters(&caller, "198.51.100.1, 203.0.113.7, 10.0.0.9").await, 429);
    assert_eq!(enters(&caller, "203.0.113.7, 198.51.100.1").await, 202);
    // IPv6 by its /64.
    assert_eq!(enters(&caller, "2001:db8:0:7::1").await, 202);
    assert_eq!(enters(&caller, "2001:db8:0:7:ffff::2, 10.0.0.9").await, 429);
    assert_eq!(enters(&caller, "2001:db8:0:8::1").await, 202);
    // Without trusted proxies the header is nobody's word.
    let (_api, url) = stack.another_api(&[]);
    landfall_tests::stack::ready(&url).await;
    let caller = caller.at(&url);
    assert_eq!(enters(&caller, "203.0.113.50").await, 202);
    assert_eq!(enters(&caller, "203.0.113.51").await, 429);
    stack.ends_well().await;
}

#[tokio::test]
async fn sites_and_health_are_for_all_and_the_inside_is_elsewhere() {
    let mut stack = Wishes::default().by_announcement().prepare().await;
    let inside = format!("http://127.0.0.1:{}/", landfall_tests::stack::free_port());
    let address = inside.trim_start_matches("http://").trim_end_matches('/').to_owned();
    stack.start_api_with(&[("INTERNAL_LISTEN_ADDR", &address)]).await;
    stack.start_workers().await;
    let caller = Caller::new(&stack.api_url);
    let label = |value: &Value, n: usize| value["sites"][n]["label"].as_str().unwrap().to_owned();
    let sites = caller.get("v1/sites").await.is(200);
    assert_eq!(sites, json!({"sites": [{"id": "cn", "label": "China"}, {"id": "sg", "label": "Singapore"}]}));
    let sites = caller.with("accept-language", "fr, zh-CN;q=0.8, en;q=0.3").get("v1/sites").await.is(200);
    assert_eq!((label(&sites, 0), label(&sites, 1)), ("中国".into(), "新加坡".into()));
    for path in ["healthz", "readyz"] {
        assert_eq!(caller.get(path).await.status, 200);
        assert_eq!(caller.at(&inside.parse().unwrap()).get(path).await.status, 200);
        assert_eq!(caller.at(&stack.workers_url).get(path).await.status, 200);
    }
    caller.get("metrics").await.is_problem(404, "not-found");
    for url in [inside.parse().unwrap(), stack.workers_url.clone()] {
        let metrics = caller.at(&url).get("metrics").await;
        assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
        let names = metrics.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        for name in names {
            assert!(name.starts_with("landfall_"), "{name}");
        }
        assert!(!metrics.text.contains(secrets::SECURITY_KEY));
    }
    stack.ends_well().await;
}

//! Without PostgreSQL or NATS, and with clients that never end: everybody is answered in time, and all is well again after it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use landfall_tests::caller::{Caller, Reply};
use landfall_tests::operator::Operator;
use landfall_tests::patience::until;
use landfall_tests::proxy::{Proxy, Wire};
use landfall_tests::seller::{Seller, announcement, sees};
use landfall_tests::stack::{Stack, Wishes, free_port, secrets};
use reqwest::Method;
use serde_json::json;

const ACCOUNT: &str = "1987654321012345";

/// The contract's limit.
async fn in_time(asking: impl Future<Output = Reply>) -> Reply {
    let began = Instant::now();
    let reply = asking.await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}: {}", began.elapsed(), reply.text);
    reply
}

/// What every door answers while PostgreSQL does not.
async fn every_door_answers(stack: &Stack, caller: &Caller, cookie: &str, path: &str) {
    let ann = caller.with("cookie", cookie);
    // Whatever else a caller prefers, only a poll may take longer.
    let posts = ["verification-codes", "verification-codes/check", "registration", "billing-account", "workspace"];
    let posts = posts.map(|call| format!("{path}/{call}"));
    let posts = join_all(posts.iter().map(|call| {
        let ann = ann.with("prefer", "wait=25").with("idempotency-key", "k");
        async move { in_time(ann.post(call, json!({}))).await.is_problem(503, "unavailable") }
    }));
    let ids = json!({"marketplace": "alibaba", "account_id": "1", "instance_id": "2"});
    let gets = join_all(["", "wait=25"].map(|prefer| {
        let ann = ann.with("prefer", prefer);
        async move { in_time(ann.get(path)).await.is_problem(503, "unavailable") }
    }));
    let others = async {
        let (typed, out, stream) = (caller.clone(), ann.clone(), ann.with("accept", "text/event-stream"));
        let (typed, out, stream) = tokio::join!(
            in_time(typed.post("v1/activations", ids)),
            in_time(out.send(Method::DELETE, "v1/session", None)),
            in_time(stream.get(path)),
        );
        let operator = Operator::with_token(caller.base(), secrets::OPERATOR);
        let id = path.rsplit('/').next().unwrap();
        let acts = ["cancel", "retry"].map(|act| in_time(operator.acts(id, act, json!({"reason": "a test"}))));
        for reply in [typed, out, stream].into_iter().chain(join_all(acts).await) {
            reply.is_problem(503, "unavailable");
        }
    };
    let seller = Seller::at(stack, caller);
    let marketplace = async {
        let create = announcement("1", "2");
        let (created, expired, paid, bad, login) = tokio::join!(
            in_time(seller.calls(&create)),
            in_time(seller.calls(&[("action", "expiredInstance"), ("instanceId", "2")])),
            in_time(seller.calls(&[("action", "orderPay"), ("aliUid", "1"), ("orderBizId", "2"), ("orderId", "3")])),
            in_time(seller.calls_raw("action=createInstance&token=0")),
            async { in_time(seller.caller.get(&seller.link(&stack.pool, "2", 0).await)).await },
        );
        for (reply, member, value) in
            [(created, "instanceId", json!("0")), (expired, "success", json!("false")), (paid, "success", json!(false))]
        {
            let answer = reply.is(200);
            assert!(answer[member] == value && answer["message"].is_string(), "{answer}");
        }
        assert_eq!(bad.is(200)["instanceId"], "0");
        is_a_page_that_asks_for_patience(&login);
    };
    let page = async {
        let page = path.replace("v1/activations/", "activate/");
        is_a_page_that_asks_for_patience(&in_time(ann.get(&page)).await);
    };
    let inside = async {
        assert_eq!(in_time(caller.get("healthz")).await.status, 200);
        assert_eq!(in_time(caller.get("readyz")).await.status, 503);
        assert_eq!(in_time(caller.get("v1/sites")).await.status, 200);
        assert_eq!(in_time(caller.get("activate")).await.status, 200);
        assert_eq!(in_time(caller.get("metrics")).await.status, 200);
    };
    tokio::join!(posts, gets, others, marketplace, page, inside);
}

/// Who opens a page is a buyer, not a program.
fn is_a_page_that_asks_for_patience(reply: &Reply) {
    assert_eq!((reply.status, reply.header("retry-after")), (503, "2"), "{}", reply.text);
    assert!(reply.header("content-type").starts_with("text/html"), "{:?}", reply.headers);
    assert!(reply.text.contains("Nothing is lost") && reply.text.contains("Login Directly"), "{}", reply.text);
    assert!(reply.header("set-cookie").is_empty());
}

async fn a_buyer(stack: &Stack, instance_id: &str) -> (String, String) {
    let seller = Seller::of(stack);
    seller.announces(ACCOUNT, instance_id).await;
    let landed = seller.caller.get(&seller.link(&stack.pool, instance_id, 0).await).await;
    let path = landed.header("location").replace("/activate/", "v1/activations/");
    let ann = seller.caller.with("cookie", &landed.cookie());
    sees(&ann, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    (landed.cookie(), path)
}

async fn alive(url: &url::Url) {
    let caller = Caller::new(url);
    until("a process is alive", || async {
        (reqwest::get(url.join("healthz").unwrap()).await.ok()?.status() == 200).then_some(())
    })
    .await;
    drop(caller);
}

#[tokio::test]
async fn without_postgresql_everybody_is_answered_within_ten_seconds() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let (cookie, path) = a_buyer(&stack, "400410001").await;
    // Nobody listens there.
    let nobody = format!("postgres://postgres@127.0.0.1:{}/x", free_port());
    let (_one, url) = stack.another_api(&[("DATABASE_URL", &nobody), ("MIGRATE", "off")]);
    alive(&url).await;
    Box::pin(every_door_answers(&stack, &Caller::new(&url), &cookie, &path)).await;
    // Somebody listens, and says nothing: at first, and after the line was good.
    let server: url::Url = stack.database_url.parse().unwrap();
    let line = Proxy::before(&format!("{}:{}", server.host_str().unwrap(), server.port().unwrap()));
    let by_line = format!("postgres://postgres@{}{}", line.address, server.path());
    let (_two, url) = stack.another_api(&[("DATABASE_URL", &by_line)]);
    landfall_tests::stack::ready(&url).await;
    let caller = Caller::new(&url);
    let ann = caller.with("cookie", &cookie);
    let held = ann.with("prefer", "wait=25");
    assert_eq!(ann.get(&path).await.status, 200);
    let while_it_waits = async {
        until("the wait is open", || async {
            caller.get("metrics").await.text.contains("landfall_open_waits 1").then_some(())
        })
        .await;
        line.set(Wire::Forgets);
        Box::pin(every_door_answers(&stack, &caller, &cookie, &path)).await;
        Box::pin(every_door_answers(&stack, &caller, &cookie, &path)).await;
        line.set(Wire::Passes);
    };
    let (held, ()) = tokio::join!(held.get(&path), while_it_waits);
    assert!([200, 503].contains(&held.status), "{}", held.text);
    until("the pool is healed", || async { (ann.get(&path).await.status == 200).then_some(()) }).await;
    assert_eq!(caller.get("readyz").await.status, 200);
    let seller = Seller::at(&stack, &caller);
    seller.announces(ACCOUNT, "400410002").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn without_nats_everything_is_accepted_and_the_api_is_ready() {
    let mut stack = Wishes::default().by_announcement().prepare().await;
    let nobody = format!("nats://127.0.0.1:{}", free_port());
    stack.start_api_with(&[("NATS_URL", &nobody)]).await;
    let seller = Seller::of(&stack);
    seller.announces(ACCOUNT, "400420001").await;
    let (ann, path) = seller.logs_in(&stack.pool, "400420001").await;
    assert_eq!(ann.get(&path).await.is(200)["status"], "running");
    // The workers find the row, and the poll finds the change.
    stack.start_workers().await;
    let waits = ann.with("prefer", "wait=25");
    sees(&waits, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_answered() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let address = format!("127.0.0.1:{}", stack.api_url.port().unwrap());
    let heads = [
        "POST /v1/activations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        "POST /v1/activations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        "GET /v1/activations/x HTTP/1.1\r\nHost: x\r\nPrefer: wait=25\r\nContent-Length: 100\r\n\r\n{",
        "POST /marketplaces/alibaba/spi HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\naction=",
    ];
    let slow = heads.map(|head| {
        let address = address.clone();
        std::thread::spawn(move || {
            let mut connection = TcpStream::connect(address).unwrap();
            connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
            connection.write_all(head.as_bytes()).unwrap();
            let (mut answer, began) = ([0; 12], Instant::now());
            connection.read_exact(&mut answer).unwrap();
            assert!(began.elapsed() < Duration::from_secs(10), "{head}");
            String::from_utf8_lossy(&answer).into_owned()
        })
    });
    for thread in slow {
        let answer = tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
        assert!(["HTTP/1.1 503", "HTTP/1.1 408"].contains(&answer.as_str()), "{answer}");
    }
    stack.ends_well().await;
}

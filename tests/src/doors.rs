//! Every door of the API while PostgreSQL does not answer.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::caller::{Caller, Reply};
use crate::operator::Operator;
use crate::seller::{Seller, announcement};
use crate::stack::{Stack, secrets};

/// The contract's limit.
async fn in_time(asking: impl Future<Output = Reply>) -> Reply {
    let began = Instant::now();
    let reply = asking.await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}: {}", began.elapsed(), reply.text);
    reply
}

/// What every door answers while PostgreSQL does not: in time, that it cannot say. Somebody with this session's cookie asks for
/// an activation (its path in the API), and somebody opens a login link that was good a moment ago.
pub async fn every_door_answers(stack: &Stack, caller: &Caller, cookie: &str, path: &str, link: &str) {
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
    let login = seller.to(link);
    let marketplace = async {
        let create = announcement("1", "2");
        let (created, expired, paid, bad, login) = tokio::join!(
            in_time(seller.calls(&create)),
            in_time(seller.calls(&[("action", "expiredInstance"), ("instanceId", "2")])),
            in_time(seller.calls(&[("action", "orderPay"), ("aliUid", "1"), ("orderBizId", "2"), ("orderId", "3")])),
            in_time(seller.calls_raw("action=createInstance&token=0")),
            in_time(seller.caller.get(&login)),
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

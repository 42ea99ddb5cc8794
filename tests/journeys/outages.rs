//! Without PostgreSQL or NATS, and with clients that never end: everybody is answered in time, and all is well again after it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use landfall_tests::caller::Caller;
use landfall_tests::doors::every_door_answers;
use landfall_tests::patience::until;
use landfall_tests::proxy::{Proxy, Wire};
use landfall_tests::seller::{Seller, sees};
use landfall_tests::stack::{Stack, Wishes, free_port};

const ACCOUNT: &str = "1987654321012345";

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
    let login = Seller::of(&stack).link(&stack.pool, "2", 0).await;
    // Nobody listens there.
    let nobody = format!("postgres://postgres@127.0.0.1:{}/x", free_port());
    let (_one, url) = stack.another_api(&[("DATABASE_URL", &nobody), ("MIGRATE", "off")]);
    alive(&url).await;
    Box::pin(every_door_answers(&stack, &Caller::new(&url), &cookie, &path, &login)).await;
    // Somebody listens, and says nothing: at first, and after the line was good.
    let (line, by_line) = Proxy::before_url(&stack.database_url);
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
        Box::pin(every_door_answers(&stack, &caller, &cookie, &path, &login)).await;
        Box::pin(every_door_answers(&stack, &caller, &cookie, &path, &login)).await;
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

//! How many codes may be asked for: by address, username, activation, Account ID and client.

use futures_util::future::join_all;
use landfall_tests::caller::{Caller, Reply};
use landfall_tests::seller::Seller;
use landfall_tests::stack::{Stack, Wishes, ready};
use serde_json::{Value, json};
use url::Url;

use super::{ACCOUNT, Ann, registration, start, wait};

#[tokio::test]
async fn challenges_are_counted_by_address_activation_account_and_client() {
    let mut stack = Wishes::default().by_announcement().with("CODES_PER_CLIENT", "4").start().await;
    // Three an hour and eight a day for one address, without regard to case, whoever asks.
    let one = Ann::at_the_choice(&stack, "1900000000000001", "400730001").await;
    let two = Ann::at_the_choice(&stack, "1900000000000002", "400730002").await;
    let spent = async || {
        sqlx::query("update challenges set tries = 5, status = 'spent'").execute(&stack.pool).await.unwrap();
    };
    let email = |n: usize| if n.is_multiple_of(2) { "ann@count.example" } else { "ANN@Count.Example" };
    let mut asked = 0;
    for (ann, times) in [(&one, 2), (&two, 1), (&one, 2), (&two, 1), (&one, 2)] {
        for _ in 0..times {
            let refused = ann.asks(registration(email(asked))).await;
            if asked > 0 && asked % 3 == 0 && refused.status == 429 {
                let hour = wait(&refused);
                assert!((3_500..=3_600).contains(&hour), "{hour}");
                one.later(3601).await;
                assert_eq!(ann.asks(registration(email(asked))).await.status, 202);
            } else {
                assert_eq!(refused.status, 202, "{asked}: {}", refused.text);
            }
            spent().await;
            asked += 1;
        }
    }
    assert_eq!(asked, 8);
    one.later(3601).await;
    let day = wait(&two.asks(registration(email(0))).await);
    assert!((70_000..=86_400).contains(&day), "{day}");
    // Ten for one activation: `one` has had six.
    for n in 0..4 {
        assert_eq!(one.asks(registration(&format!("n{n}@count.example"))).await.status, 202);
    }
    wait(&one.asks(registration("n4@count.example")).await);
    // Twenty for one Account ID a day, over its activations.
    let three = Ann::at_the_choice(&stack, "1900000000000001", "400730003").await;
    let four = Ann::at_the_choice(&stack, "1900000000000001", "400730004").await;
    for n in 0..9 {
        assert_eq!(three.asks(registration(&format!("a{n}@count.example"))).await.status, 202);
    }
    assert_eq!(four.asks(registration("a9@count.example")).await.status, 202);
    wait(&four.asks(registration("a10@count.example")).await);
    one.later(86_400).await;
    assert_eq!(four.asks(registration("a10@count.example")).await.status, 202);
    // For typed entries CODES_PER_CLIENT an hour, too.
    let typist = typist(&stack, "400730005").await;
    for n in 0..4 {
        assert_eq!(typist.asks(registration(&format!("t{n}@count.example"))).await.status, 202);
    }
    let hour = wait(&typist.asks(registration("t4@count.example")).await);
    assert!((3_500..=3_600).contains(&hour), "{hour}");
    assert_eq!(
        four.asks(registration("t4@count.example")).await.status,
        202,
        "Login Directly is not counted by client"
    );
    stack.ends_well().await;
}

/// A buyer at the choice of Billing Center account, by a typed entry.
async fn typist<'a>(stack: &'a Stack, instance_id: &str) -> Ann<'a> {
    let seller = Seller::of(stack);
    seller.announces(ACCOUNT, instance_id).await;
    let ids = json!({"marketplace": "alibaba", "account_id": ACCOUNT, "instance_id": instance_id});
    let typed = seller.caller.post("v1/activations", ids).await.is(202);
    let caller = seller.caller.with("authorization", &format!("Bearer {}", typed["token"].as_str().unwrap()));
    let typist = Ann { stack, caller, path: format!("v1/activations/{}", typed["id"].as_str().unwrap()) };
    typist.sees_when("the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    typist
}

/// A username that reads like an address is not that address: each has its three.
#[tokio::test]
async fn a_username_and_an_address_of_the_same_text_are_counted_apart() {
    let mut stack = start().await;
    let ann = Ann::at_the_choice(&stack, ACCOUNT, "400731001").await;
    let username = |text: &str| json!({"purpose": "billing_account", "username": text});
    for n in 0..3 {
        assert_eq!(ann.asks(registration("ann@both.example")).await.status, 202, "{n}");
        assert_eq!(ann.asks(username(if n == 1 { "ANN@both.example" } else { "ann@both.example" })).await.status, 202);
        sqlx::query("update challenges set tries = 5, status = 'spent'").execute(&stack.pool).await.unwrap();
    }
    wait(&ann.asks(registration("Ann@both.example")).await);
    wait(&ann.asks(username("Ann@both.example")).await);
    stack.ends_well().await;
}

/// How many of these requests, sent at once over two processes, were accepted. Whoever waited too long for the others asks again.
async fn accepted(processes: [&Url; 2], requests: Vec<(&Ann<'_>, Value)>) -> usize {
    let asked = requests.iter().enumerate().map(|(n, (ann, body))| async move {
        let caller: Caller = ann.caller.at(processes[n % 2]);
        let path = format!("{}/verification-codes", ann.path);
        loop {
            let reply: Reply = caller.post(&path, body.clone()).await;
            if reply.status != 503 {
                return reply;
            }
        }
    });
    let replies = join_all(asked).await;
    for refused in replies.iter().filter(|reply| reply.status != 202) {
        refused.is_problem(429, "too-many-codes");
    }
    replies.iter().filter(|reply| reply.status == 202).count()
}

#[tokio::test]
async fn at_once_over_two_processes_no_limit_gives_way() {
    let wishes = Wishes::default().by_announcement().with("CODES_PER_CLIENT", "4").with("ENTRIES_PER_CLIENT", "1000");
    let mut stack = wishes.start().await;
    let (_api, other) = stack.another_api(&[]);
    ready(&other).await;
    let processes = [&stack.api_url.clone(), &other];
    // One client with many typed entries.
    let mut typists = Vec::new();
    for n in 0..8 {
        typists.push(typist(&stack, &format!("40073200{n}")).await);
    }
    let asked = typists
        .iter()
        .enumerate()
        .flat_map(|(n, typist)| (0..2).map(move |m| (typist, registration(&format!("t{n}{m}@many.example")))));
    assert_eq!(accepted(processes, asked.collect()).await, 4);
    // One address, asked for by many buyers.
    let mut buyers = Vec::new();
    for n in 0..8 {
        buyers.push(Ann::at_the_choice(&stack, &format!("190000000000000{n}"), &format!("40073300{n}")).await);
    }
    let email = |n: usize| if n.is_multiple_of(2) { "one@many.example" } else { "One@Many.Example" };
    let asked = buyers.iter().enumerate().map(|(n, buyer)| (buyer, registration(email(n))));
    assert_eq!(accepted(processes, asked.collect()).await, 3);
    // One Account ID with several instances: twenty, and ten of each activation.
    let mut instances = Vec::new();
    for n in 0..3 {
        instances.push(Ann::at_the_choice(&stack, "1900000000000099", &format!("40073400{n}")).await);
    }
    let all = instances
        .iter()
        .enumerate()
        .flat_map(|(n, instance)| (0..11).map(move |m| (instance, registration(&format!("i{n}{m}@many.example")))));
    let first: Vec<_> = all.clone().take(11).collect();
    assert_eq!(accepted(processes, first).await, 10);
    assert_eq!(accepted(processes, all.skip(11).collect()).await, 10);
    stack.ends_well().await;
}

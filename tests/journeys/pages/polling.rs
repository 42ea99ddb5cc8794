//! The page polls as the contract asks: it waits for the next version, and not at all while nobody looks at it.

use landfall_tests::browser::Tongue;
use landfall_tests::overheard::Overheard;
use landfall_tests::patience::until;
use landfall_tests::stack::Wishes;
use landfall_tests::visitor::Visitor;
use serde_json::json;

#[tokio::test]
async fn a_page_waits_for_versions_and_a_hidden_one_asks_nothing_until_it_is_seen_again() {
    let mut stack = Wishes::default().prepare().await;
    let wire = Overheard::before(stack.api_url.authority()).await;
    stack.set("PUBLIC_URL", &format!("http://{}", wire.address));
    stack.start_api().await;
    stack.start_workers().await;
    let mut ann = Visitor::purchased(&stack, Tongue::English, "ann").await;
    ann.buyer.logs_in_directly().await;
    ann.buyer.settles().await;
    let link = ann.buyer.login_link().await;
    assert_eq!(link.authority(), wire.address.to_string(), "the browser is overheard");
    ann.goes_to(&link).await;
    ann.is_at_the_choice().await;

    // One poll is open, and it waits for whatever comes after the version that is shown.
    let version = ann.runs("return document.getElementById('main').dataset.version", vec![]).await;
    let waiting = until("the page waits", || async { wire.polls().into_iter().rfind(|asked| asked.is_open) }).await;
    for header in ["\r\nprefer: wait=25".to_owned(), format!("\r\nif-none-match: \"{}\"", version.as_str().unwrap())] {
        assert!(waiting.head.contains(&header), "{header:?} in {}", waiting.head);
    }
    assert!(wire.polls().len() < 10, "it waits, and does not ask again and again: {:?}", wire.polls());

    // Another tab in front of it: the wait is given up.
    let hidden = ann.driver.window().await.unwrap();
    let other = ann.driver.new_tab().await.unwrap();
    ann.driver.switch_to_window(other).await.unwrap();
    ann.cdp("Page.bringToFront", json!({})).await;
    until("the page gives up its wait", || async { wire.polls().iter().all(|asked| !asked.is_open).then_some(()) })
        .await;
    let asked = wire.count();

    // What a page that is seen would fetch at once; and for longer than its pauses last.
    ann.buyer.marketplace_says("release", json!({})).await;
    let seen = ann.buyer.sees_when("it is over", |seen| seen["status"] == "cancelled").await;
    let waited =
        ann.buyer.polls().header("prefer", "wait=3").header("if-none-match", format!("\"{}\"", seen["version"]));
    assert_eq!(waited.send().await.unwrap().status(), 304);
    assert_eq!(wire.count(), asked, "a hidden page asks nothing");

    ann.driver.close_window().await.unwrap();
    ann.driver.switch_to_window(hidden).await.unwrap();
    ann.is_at("The marketplace has ended this instance").await;
    assert!(wire.count() > asked);
    ann.has_no_faults().await;
    stack.ends_well().await;
}

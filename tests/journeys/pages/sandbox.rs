//! The sandbox's own pages: what a buyer opens there is whole, and asks for nothing that is not there.

use landfall_tests::browser::{Browser, Tongue};
use landfall_tests::overheard::Overheard;
use landfall_tests::stack::Stack;

#[tokio::test]
async fn a_page_of_the_sandbox_asks_for_nothing_that_is_not_there() {
    let mut stack = Stack::start().await;
    let wire = Overheard::before(stack.sandbox_url.authority()).await;
    let page = Browser::open(&stack, Tongue::English).await;
    for path in ["", "shop", "purchased", "mailbox", "billing-center", "console/login"] {
        page.goes_to(&format!("http://{}/{path}", wire.address).parse().unwrap()).await;
    }
    assert!(wire.was_asked_for("/sandbox.css"));
    assert!(!wire.was_asked_for("/favicon.ico"));
    page.has_no_faults().await;
    stack.ends_well().await;
}

//! Races: what comes while something is in flight, two for one instance, and a worker that was asleep.

use futures_util::future::join_all;
use landfall_tests::journey::Buyer;
use landfall_tests::links::{Link, Links};
use landfall_tests::operator::Operator;
use landfall_tests::patience::until;
use landfall_tests::proxy::Way::Back;
use landfall_tests::proxy::Wire;
use landfall_tests::registering::form;
use landfall_tests::soak;
use landfall_tests::stack::{Stack, Wishes, ready};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The steps that can be in flight when the marketplace ends the instance, in the guide's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InFlight {
    VerifyPurchase,
    FindBillingAccount,
    SendVerificationCode,
    RegisterBuyer,
    OpenBillingAccount,
    BindBillingAccount,
    ListWorkspaces,
    CreateWorkspace,
    BindWorkspace,
}

impl InFlight {
    const ALL: [Self; 9] = [
        Self::VerifyPurchase,
        Self::FindBillingAccount,
        Self::SendVerificationCode,
        Self::RegisterBuyer,
        Self::OpenBillingAccount,
        Self::BindBillingAccount,
        Self::ListWorkspaces,
        Self::CreateWorkspace,
        Self::BindWorkspace,
    ];

    fn link(self) -> Link {
        match self {
            Self::VerifyPurchase => Link::Marketplace,
            Self::SendVerificationCode => Link::Mail,
            Self::RegisterBuyer | Self::CreateWorkspace => Link::Console,
            Self::FindBillingAccount
            | Self::OpenBillingAccount
            | Self::BindBillingAccount
            | Self::ListWorkspaces
            | Self::BindWorkspace => Link::BillingCenter,
        }
    }
}

/// A buyer and the links on which her commands travel.
struct Held<'a> {
    links: &'a Links,
    buyer: Buyer,
    name: String,
}

impl Held<'_> {
    /// Brings the buyer so far that this step is in flight over a link that holds it.
    async fn brings(&mut self, step: InFlight, wire: Wire) {
        let (link, name) = (step.link(), self.name.clone());
        let (bills, mailbox) = (format!("{name}@bills.example"), format!("{name}@example.com"));
        self.buyer.is_known_as(&name).await;
        self.buyer.purchases().await;
        if matches!(step, InFlight::VerifyPurchase | InFlight::FindBillingAccount) {
            self.links.set(link, wire);
            self.buyer.logs_in_directly().await;
            return self.is_held(link).await;
        }
        self.buyer.logs_in_directly().await;
        self.buyer.settles().await;
        match step {
            InFlight::VerifyPurchase | InFlight::FindBillingAccount => {}
            InFlight::SendVerificationCode => {
                self.links.set(link, wire);
                let asked = self.buyer.asks_for_code("registration", &format!("new-{mailbox}")).await;
                assert_eq!(asked.status(), StatusCode::ACCEPTED);
            }
            InFlight::RegisterBuyer | InFlight::OpenBillingAccount => {
                let address = format!("new-{mailbox}");
                self.buyer.proves_address("registration", &address).await;
                self.links.set(Link::Console, wire);
                let sent = self.buyer.sends_registration(&form(&format!("new-{name}"), &address, "Lab")).await;
                assert_eq!(sent.status(), StatusCode::ACCEPTED);
                if step == InFlight::OpenBillingAccount {
                    self.is_held(Link::Console).await;
                    self.links.set(link, wire);
                    self.links.set(Link::Console, Wire::Passes);
                }
            }
            InFlight::BindBillingAccount => {
                let asked = self.buyer.asks_for_account_code(&name).await;
                assert_eq!(asked.status(), StatusCode::ACCEPTED);
                let code = self.buyer.reads_code(&bills, 1).await;
                self.links.set(link, wire);
                self.accepted("/billing-account", json!({"username": name, "code": code})).await;
            }
            InFlight::ListWorkspaces | InFlight::CreateWorkspace | InFlight::BindWorkspace => {
                self.buyer.binds_billing_account(&name, &bills).await;
                if step == InFlight::ListWorkspaces {
                    self.links.set(link, wire);
                    self.accepted("/workspaces/refresh", json!({})).await;
                } else {
                    self.buyer.asks_for_code("workspace_owner", &mailbox).await;
                    let code = self.buyer.reads_code(&mailbox, 1).await;
                    self.links.set(link, wire);
                    let create = json!({"name": format!("Lab of {name}"), "language": "en", "site": "cn",
                                        "terms_accepted": true, "owner": {"email": mailbox, "code": code}});
                    self.accepted("/workspace", json!({ "create": create })).await;
                }
            }
        }
        self.is_held(link).await;
    }

    async fn accepted(&self, what: &str, body: Value) {
        let answer = self.buyer.asks(Method::POST, what, Some(body)).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
    }

    async fn is_held(&self, link: Link) {
        until("the call is in flight", || async { (self.links.hits(link) > 0).then_some(()) }).await;
    }
}

/// A Landfall whose calls can be held in flight.
async fn a_stack_with_links(wishes: Wishes) -> (Stack, Links) {
    let mut stack = wishes.prepare().await;
    let links = Links::of(&stack);
    links.start(&mut stack).await;
    (stack, links)
}

#[tokio::test]
async fn a_release_while_any_step_is_in_flight_ends_it_and_leaves_nothing_bound() {
    let (mut stack, links) = a_stack_with_links(Wishes::default()).await;
    for (number, step) in InFlight::ALL.into_iter().enumerate() {
        // What was asked has been done and its answer is on the way; or it will be done only after the release.
        for (way, wire) in [Wire::Silent(Back), Wire::Stalls].into_iter().enumerate() {
            if !soak::is_long() && (number + way) % 2 == 1 && step != InFlight::BindWorkspace {
                continue;
            }
            let mut held = Held { links: &links, buyer: stack.buyer(), name: format!("ann{number}{way}") };
            held.brings(step, wire).await;
            held.buyer.marketplace_says("release", json!({})).await;
            let seen = held.buyer.sees_when("it is cancelled", |seen| seen["status"] == "cancelled").await;
            assert_eq!(seen["problem"]["code"], "instance-released", "{step:?} {wire:?}: {seen:#}");
            links.heal();
            stack.is_sound(&[]).await;
            let seen = held.buyer.sees().await;
            assert_eq!(seen["status"], "cancelled", "{step:?} {wire:?}: {seen:#}");
            let due: &[&str] = if step == InFlight::BindWorkspace { &["released"] } else { &[] };
            assert_eq!(told(&stack, &held.buyer).await, due, "{step:?} {wire:?}: {seen:#}");
        }
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn an_operators_cancelling_while_any_step_is_in_flight_ends_it_and_leaves_nothing_bound() {
    let (mut stack, links) = a_stack_with_links(Wishes::default()).await;
    let operator = Operator::of(&stack);
    let mut undone = 0;
    for (number, step) in InFlight::ALL.into_iter().enumerate() {
        for (way, wire) in [Wire::Silent(Back), Wire::Stalls].into_iter().enumerate() {
            if !soak::is_long() && (number + way) % 2 == 0 && step != InFlight::BindWorkspace {
                continue;
            }
            let mut held = Held { links: &links, buyer: stack.buyer(), name: format!("ann{number}{way}") };
            held.brings(step, wire).await;
            let shown = operator.cancels(&held.buyer.activation_id, "asked for by the buyer").await;
            assert_eq!(shown["status"], "cancelled", "{step:?} {wire:?}: {shown:#}");
            links.heal();
            stack.is_sound(&[]).await;
            let seen = held.buyer.sees().await;
            assert_eq!(seen["problem"]["code"], "cancelled-by-operator", "{step:?} {wire:?}: {seen:#}");
            // It was bound, or was going to be: once that is known it is taken back.
            undone += usize::from(step == InFlight::BindWorkspace);
            assert_eq!(stack.effects("billing_center", "DELETE", "/binding").await, undone, "{step:?} {wire:?}");
            assert_eq!(told(&stack, &held.buyer).await, [""; 0], "{step:?} {wire:?}");
            // The instance was given back: the buyer begins anew, and comes as far as her cloud account leads.
            held.buyer.logs_in_directly().await;
            let again = held.buyer.settles().await;
            assert_eq!(again["status"], "waiting_for_buyer", "{step:?} {wire:?}: {again:#}");
            assert_ne!(again["id"], seen["id"]);
        }
    }
    assert_eq!(undone, 2);
    stack.ends_well().await;
}

#[tokio::test]
async fn a_typed_entry_whose_instance_is_released_while_it_is_verified_is_over() {
    let (mut stack, links) = a_stack_with_links(Wishes::default()).await;
    let mut ann = stack.buyer();
    ann.purchases().await;
    links.set(Link::Marketplace, Wire::Silent(Back));
    ann.activation_id = ann.types_both_ids().await.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    until("the verification is in flight", || async { (links.hits(Link::Marketplace) > 0).then_some(()) }).await;
    ann.marketplace_says("release", json!({})).await;
    links.heal();
    let seen = ann.settles().await;
    assert_eq!(
        (&seen["status"], &seen["problem"]["code"]),
        (&json!("cancelled"), &json!("instance-released")),
        "{seen:#}"
    );
    stack.ends_well().await;
}

#[tokio::test]
async fn what_the_marketplace_says_while_a_binding_is_in_flight_is_told_after_it() {
    let (mut stack, links) = a_stack_with_links(Wishes::default()).await;
    for (number, (wire, lost)) in
        [(Wire::Silent(Back), false), (Wire::Stalls, false), (Wire::Silent(Back), true)].into_iter().enumerate()
    {
        let mut held = Held { links: &links, buyer: stack.buyer(), name: format!("ann{number}") };
        held.brings(InFlight::BindWorkspace, wire).await;
        if lost {
            // It was made, and nobody knows: it is made again for an instance that is suspended, and cannot say so itself.
            links.set(Link::BillingCenter, Wire::Refuses);
            held.buyer.sees_when("the binding is tried again", |seen| seen["status"] == "retrying").await;
        }
        held.buyer.marketplace_says("expire", json!({})).await;
        links.heal();
        let seen = held.buyer.sees_steps("suspend", "succeeded", 1).await;
        assert_eq!(seen["action"], "confirm", "{wire:?}, lost: {lost}: {seen:#}");
        let told = told(&stack, &held.buyer).await;
        assert_eq!(told, ["suspended"], "{wire:?}, lost: {lost}");
        held.buyer.marketplace_says("renew", json!({})).await;
        held.buyer.sees_steps("renew", "succeeded", 1).await;
    }
    stack.ends_well().await;
}

/// How the Billing Center was told that the buyer's instance stands, one after the other.
async fn told(stack: &Stack, buyer: &Buyer) -> Vec<String> {
    let calls = stack.calls("billing_center").await;
    let about_it = calls.iter().filter(|call| {
        call["effect"] == true && call["body"]["instance_id"] == buyer.instance_id && call["body"]["state"].is_string()
    });
    about_it.map(|call| call["body"]["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn of_two_verifications_of_one_instance_one_holds_it() {
    let (mut stack, links) = a_stack_with_links(Wishes::default()).await;
    let mut ann = stack.buyer();
    ann.purchases().await;
    let mut bob = stack.buyer();
    (bob.account_id, bob.instance_id) = (ann.account_id.clone(), ann.instance_id.clone());
    let mut eve = stack.buyer();
    (eve.account_id, eve.instance_id) = (ann.account_id.clone(), ann.instance_id.clone());
    links.set(Link::Marketplace, Wire::Silent(Back));
    for buyer in [&mut ann, &mut bob] {
        let typed = buyer.types_both_ids().await;
        assert_eq!(typed.status(), StatusCode::ACCEPTED, "{}", typed.text().await.unwrap());
        buyer.activation_id = typed.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    }
    eve.logs_in_directly().await;
    until("three verifications are in flight", || async { (links.hits(Link::Marketplace) >= 3).then_some(()) }).await;
    links.heal();
    let mut won = 0;
    for buyer in [&mut ann, &mut bob, &mut eve] {
        let seen = buyer.settles().await;
        if seen["stage"] == "billing_account" {
            won += 1;
        } else {
            assert_eq!(
                (&seen["action"], &seen["problem"]["code"]),
                (&json!("correct"), &json!("already-started")),
                "{seen:#}"
            );
        }
    }
    assert_eq!(won, 1);
    let holds: i64 = sqlx::query_scalar("select count(*) from holds").fetch_one(&stack.pool).await.unwrap();
    assert_eq!(holds, 1);
    stack.ends_well().await;
}

#[tokio::test]
async fn logins_at_once_begin_one_activation() {
    let mut stack = Stack::start().await;
    let mut first = stack.buyer();
    first.purchases().await;
    let mut buyers: Vec<Buyer> = (0..8).map(|_| stack.buyer()).collect();
    for buyer in &mut buyers {
        buyer.instance_id.clone_from(&first.instance_id);
    }
    join_all(buyers.iter_mut().map(Buyer::logs_in_directly)).await;
    let ids: std::collections::BTreeSet<&str> = buyers.iter().map(|buyer| buyer.activation_id.as_str()).collect();
    assert_eq!(ids.len(), 1);
    for buyer in &mut buyers {
        assert_eq!(buyer.settles().await["stage"], "billing_account");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_worker_that_wakes_after_its_command_was_taken_changes_nothing() {
    let (mut stack, links) = a_stack_with_links(Wishes::default().with("REDISPATCH_AFTER_MS", "500")).await;
    for (number, (step, wire)) in [
        (InFlight::CreateWorkspace, Wire::Silent(Back)),
        (InFlight::CreateWorkspace, Wire::Stalls),
        (InFlight::BindWorkspace, Wire::Silent(Back)),
        (InFlight::BindWorkspace, Wire::Stalls),
    ]
    .into_iter()
    .enumerate()
    {
        let mut held = Held { links: &links, buyer: stack.buyer(), name: format!("ann{number}") };
        held.brings(step, wire).await;
        stack.workers().signal("STOP");
        let (other, url) = stack.another_workers(&[]);
        ready(&url).await;
        // Its lease ends, and the other takes what it had in hand.
        let seen = held.buyer.settles().await;
        assert_eq!(seen["action"], "confirm", "{step:?} {wire:?}: {seen:#}");
        held.buyer.confirms().await;
        let version = held.buyer.sees().await["version"].clone();
        // Whatever it asked arrives now, and its answer finds a worker who believes that the command is his.
        links.heal();
        stack.workers().signal("CONT");
        drop(other);
        ready(&stack.workers_url).await;
        stack.is_sound(&[]).await;
        stack.stream_is_empty().await;
        assert_eq!(held.buyer.sees().await["version"], version, "{step:?} {wire:?}");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn workers_that_share_the_work_do_nothing_twice() {
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", "300").with("STEP_CONCURRENCY", "2").start().await;
    let others = [stack.another_workers(&[]), stack.another_workers(&[])];
    for (_, url) in &others {
        ready(url).await;
    }
    let mut buyers: Vec<Buyer> = (0..6).map(|_| stack.buyer()).collect();
    join_all(buyers.iter_mut().enumerate().map(|(number, buyer)| async move {
        buyer.goes_the_whole_way(&format!("ann{number}")).await;
    }))
    .await;
    stack.ends_well().await;
}

//! Endings: an instance that is released, renewed or upgraded while something of it waits, is dead, or was done and never
//! heard of.

use landfall_tests::journey::Buyer;
use landfall_tests::patience::until;
use landfall_tests::registering::form;
use landfall_tests::seller::{Seller, sees};
use landfall_tests::stack::{Stack, Wishes};
use serde_json::{Value, json};

/// A pause that nobody waits for: whatever failed once waits until something else makes it due.
fn with_endless_pauses() -> Wishes {
    Wishes::default().with("RETRY_INITIAL_MS", "3600000").with("RETRY_MAX_MS", "3600000")
}

/// A buyer who is about to bind a workspace of hers; gives the call that binds it.
async fn comes_to_her_workspace(stack: &Stack, name: &str) -> (Buyer, Value) {
    let mut buyer = stack.buyer();
    buyer.is_known_as(name).await;
    let account = stack.calls("billing_center").await.len();
    let id = buyer
        .has(
            "billing-accounts",
            json!({"username": format!("{name}{account}"), "email": format!("{name}@own.example")}),
        )
        .await;
    let body = json!({"name": format!("Lab of {name}"), "billing_account_id": id, "site": "cn"});
    let workspace = buyer.has("workspaces", body).await;
    buyer.comes_to_the_choice().await;
    let seen = buyer.binds_billing_account(&format!("{name}{account}"), &format!("{name}@own.example")).await;
    assert_eq!(seen["action"], "choose_workspace", "{seen:#}");
    (buyer, json!({"bind": {"workspace_id": workspace}}))
}

async fn asks_to_bind(buyer: &Buyer, body: Value) {
    let asked = buyer.asks(reqwest::Method::POST, "/workspace", Some(body)).await;
    assert_eq!(asked.status(), 202, "{}", asked.text().await.unwrap());
}

/// What the Billing Center was told of instances, in its order: the states.
async fn told(stack: &Stack, buyer: &Buyer) -> Vec<String> {
    let calls = stack.calls("billing_center").await;
    let of_hers = calls.iter().filter(|call| {
        call["method"] == "PUT" && call["path"] == json!(format!("/instances/alibaba/{}", buyer.instance_id))
    });
    of_hers.filter_map(|call| call["body"]["state"].as_str().map(str::to_owned)).collect()
}

/// Waits until an attempt at a command has failed.
async fn fails(stack: &Stack, name: &str) {
    until(&format!("{name} fails"), || async {
        let failed = sqlx::query_scalar::<_, bool>(
            "select exists (select from attempts t join commands c on c.id = t.command_id where c.name = $1)",
        );
        failed.bind(name).fetch_one(&stack.pool).await.ok().filter(|failed| *failed).map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn a_binding_that_was_made_and_not_heard_of_is_told_of_the_release_while_it_waits() {
    let mut stack = with_endless_pauses().start().await;
    let (mut buyer, bind) = comes_to_her_workspace(&stack, "ann").await;
    stack.fault("billing_center", json!({"kind": "drop_after", "path": "/binding", "times": 1})).await;
    asks_to_bind(&buyer, bind).await;
    fails(&stack, "bind_workspace").await;
    buyer.marketplace_says("release", json!({})).await;
    let seen = buyer.sees_steps("release", "succeeded", 1).await;
    assert_eq!(
        (&seen["status"], &seen["problem"]["code"]),
        (&json!("cancelled"), &json!("instance-released")),
        "{seen:#}"
    );
    assert_eq!(told(&stack, &buyer).await, ["released"]);
    stack.ends_well().await;
}

/// Nothing is heard of a binding, and its one attempt is spent: nobody can know whether anything was bound. The Billing Center is
/// told, and nothing of it is left to an operator.
async fn an_unheard_binding_is_told_of_the_release(loss: &str) {
    let mut stack = Wishes::default().with("RETRY_ATTEMPTS", "1").start().await;
    let (mut buyer, bind) = comes_to_her_workspace(&stack, "ann").await;
    stack.fault("billing_center", json!({"kind": loss, "path": "/binding", "times": 1})).await;
    asks_to_bind(&buyer, bind).await;
    let seen = buyer.settles().await;
    assert_eq!(seen["status"], "needs_attention", "{seen:#}");
    buyer.marketplace_says("release", json!({})).await;
    let seen = buyer.sees_steps("release", "succeeded", 1).await;
    assert_eq!(seen["status"], "cancelled", "{seen:#}");
    assert_eq!(told(&stack, &buyer).await, ["released"]);
    stack.ends_well().await;
}

#[tokio::test]
async fn a_binding_that_was_made_and_died_unheard_is_told_of_the_release() {
    an_unheard_binding_is_told_of_the_release("drop_after").await;
}

#[tokio::test]
async fn a_binding_that_never_arrived_is_told_of_the_release_too() {
    an_unheard_binding_is_told_of_the_release("drop").await;
}

/// Whoever has typed the right ids and waits for a renewal, or for an announcement, learns that there is nothing to wait for.
#[tokio::test]
async fn a_typed_entry_that_waits_for_the_marketplace_ends_with_the_instance() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let seller = Seller::of(&stack);
    let types = async |account_id: &str, instance_id: &str| {
        let ids = json!({"marketplace": "alibaba", "account_id": account_id, "instance_id": instance_id});
        let entered = seller.caller.post("v1/activations", ids).await.is(202);
        let caller = seller.caller.with("authorization", &format!("Bearer {}", entered["token"].as_str().unwrap()));
        (caller, format!("v1/activations/{}", entered["id"].as_str().unwrap()))
    };
    let says = async |action: &str, instance_id: &str| {
        let said = seller.calls(&[("action", action), ("instanceId", instance_id)]).await;
        assert_eq!(said.text, r#"{"success":"true"}"#);
    };
    let over = |seen: &Value| seen["status"] == "cancelled" && seen["problem"]["code"] == "instance-released";
    seller.announces("1987654321012345", "400910001").await;
    says("expiredInstance", "400910001").await;
    let (ann, path) = types("1987654321012345", "400910001").await;
    let (eve, guess) = types("1900000000000009", "400910001").await;
    sees(&ann, &path, "it has expired", |seen| seen["problem"]["code"] == "instance-not-active").await;
    sees(&eve, &guess, "it is no guess of mine", |seen| seen["problem"]["code"] == "account-mismatch").await;
    says("releaseInstance", "400910001").await;
    assert!(over(&ann.get(&path).await.is(200)));
    assert_eq!(eve.get(&guess).await.is(200)["problem"]["code"], "account-mismatch");
    // Released before it was announced: what was kept is applied, and what waited goes on to its end.
    let (bob, path) = types("1987654321012345", "400910002").await;
    sees(&bob, &path, "nobody knows it", |seen| seen["problem"]["code"] == "instance-not-found").await;
    says("releaseInstance", "400910002").await;
    seller.announces("1987654321012345", "400910002").await;
    sees(&bob, &path, "it is over", over).await;
    stack.ends_well().await;
}

/// Whatever else waits or is dead is cancelled with its activation.
#[tokio::test]
async fn what_waits_or_is_dead_ends_with_the_instance() {
    let mut stack = Wishes::default().with("RETRY_ATTEMPTS", "1").start().await;
    stack.fault("billing_center", json!({"kind": "error", "path": "/cloud-accounts", "times": 1})).await;
    let mut dead = stack.buyer();
    dead.purchases().await;
    dead.logs_in_directly().await;
    assert_eq!(dead.settles().await["status"], "needs_attention");
    dead.marketplace_says("release", json!({})).await;
    let seen = dead.sees().await;
    assert_eq!((&seen["status"], &seen["steps"][1]["status"]), (&json!("cancelled"), &json!("cancelled")), "{seen:#}");
    stack.ends_well().await;
}

/// The marketplace changes the purchase between two attempts: they say two things, and are two intentions.
#[tokio::test]
async fn a_purchase_that_changes_between_two_attempts_is_told_as_it_is_then() {
    let mut stack = Stack::start().await;
    let (mut buyer, bind) = comes_to_her_workspace(&stack, "ann").await;
    stack.fault("billing_center", json!({"kind": "drop_after", "path": "/binding"})).await;
    asks_to_bind(&buyer, bind).await;
    fails(&stack, "bind_workspace").await;
    buyer.marketplace_says("upgrade", json!({"sku_id": "bigger"})).await;
    stack.heal().await;
    let seen = buyer.settles().await;
    assert_eq!(seen["action"], "confirm", "{seen:#}");
    buyer.confirms().await;

    stack.fault("billing_center", json!({"kind": "drop_after", "path": "/instances/"})).await;
    buyer.marketplace_says("renew", json!({})).await;
    fails(&stack, "renew").await;
    buyer.marketplace_says("upgrade", json!({"sku_id": "biggest"})).await;
    stack.heal().await;
    buyer.sees_steps("renew", "succeeded", 1).await;
    stack.is_sound(&[]).await;
    let calls = stack.calls("billing_center").await;
    let last =
        calls.iter().rfind(|call| call["path"].as_str().unwrap().starts_with("/instances/") && call["status"] == 200);
    assert_eq!(last.unwrap()["body"]["sku_id"], "biggest");
    stack.ends_well().await;
}

/// A workspace is made once, and with what was sold when it was asked for.
#[tokio::test]
async fn an_upgrade_between_two_attempts_makes_no_second_workspace() {
    let mut stack = Stack::start().await;
    let mut buyer = stack.buyer();
    buyer.comes_to_the_choice().await;
    buyer.proves_address("registration", "ann@example.com").await;
    stack.fault("console", json!({"kind": "drop_after", "path": "POST /workspaces"})).await;
    let sent = buyer.sends_registration(&form("ann", "ann@example.com", "Lab")).await;
    assert_eq!(sent.status(), 202);
    fails(&stack, "create_workspace").await;
    buyer.marketplace_says("upgrade", json!({"sku_id": "bigger"})).await;
    stack.heal().await;
    let seen = buyer.settles().await;
    assert_eq!((&seen["action"], &seen["sku_id"]), (&json!("confirm"), &json!("bigger")), "{seen:#}");
    assert_eq!(stack.effects("console", "POST", "/workspaces").await, 1);
    let calls = stack.calls("billing_center").await;
    let bound = calls.iter().rfind(|call| call["path"].as_str().unwrap().ends_with("/binding")).unwrap();
    assert_eq!(bound["body"]["sku_id"], "bigger");
    stack.ends_well().await;
}

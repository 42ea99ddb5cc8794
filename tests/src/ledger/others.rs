//! Who else writes to the ledger: a buyer who does what her page offers, the marketplace, an operator. As the API does it.

use std::collections::BTreeMap;

use landfall_shared::activation::{Activation, AskedWorkspace, Call, LinkedAccount, NewWorkspace};
use landfall_shared::buyer::{AccountId, Email, InstanceId, Language, SiteId, WorkspaceName};
use landfall_shared::command::Queued;
use landfall_shared::platform::PlatformId;
use landfall_shared::purchase::{Notice, Purchase, PurchaseState, Purchased};
use landfall_shared::store::{activations, commands, purchases, said};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Change, LONG, MARKETPLACE};

pub(super) async fn buyer_acts(pool: &PgPool, id: Uuid) -> Result<Option<Change>, sqlx::Error> {
    let mut db = pool.begin().await?;
    let locked = activations::lock(&mut db, id).await?.expect("it is there");
    let (from, mut to) = (locked.activation.clone(), locked.activation);
    let proof = Uuid::new_v4();
    let queued = if to.may(Call::BillingAccount).is_ok() {
        let account = LinkedAccount { id: PlatformId::try_from("b-1".to_owned()).unwrap(), username: "ann".into() };
        to.bind_billing_account(account, proof).ok()
    } else if to.may(Call::Workspace).is_ok() {
        let workspace = NewWorkspace {
            name: WorkspaceName::parse("Lab").unwrap(),
            language: Language::parse("en").unwrap(),
            site: SiteId::parse("cn").unwrap(),
            terms_accepted_at: locked.now,
        };
        to.choose_workspace(
            AskedWorkspace::CreateForOwner(workspace, Email::parse("a@example.com").unwrap()),
            Some(proof),
        )
        .ok()
    } else if to.may(Call::Confirmation).is_ok() {
        to.confirm().ok();
        None
    } else {
        return Ok(None);
    };
    let change = write(&mut db, from, to, queued).await?;
    db.commit().await?;
    Ok(Some(change))
}

pub(super) async fn marketplace_says(
    pool: &PgPool,
    instance: &InstanceId,
    notice: u8,
) -> Result<Vec<Change>, sqlx::Error> {
    let notice = match notice {
        0 => Notice::Suspended,
        1 => Notice::Resumed,
        2 => Notice::Released,
        _ => Notice::Renewed { order_id: Uuid::new_v4().to_string(), expires_at: None, items: BTreeMap::new() },
    };
    let mut db = pool.begin().await?;
    purchases::lock_instance(&mut db, MARKETPLACE, instance).await?;
    let (mut purchase, _) = purchases::lock(&mut db, MARKETPLACE, instance).await?.expect("it was announced");
    let mut changes = Vec::new();
    if notice.clone().take_effect(&mut purchase) {
        purchases::save(&mut db, &purchase).await?;
        for (mut locked, holds) in activations::lock_of_instance(&mut db, MARKETPLACE, instance).await? {
            let from = locked.activation.clone();
            let queued = locked.activation.marketplace_said(&notice, &purchase, holds);
            changes.push(write(&mut db, from, locked.activation, queued).await?);
        }
    }
    db.commit().await?;
    Ok(changes)
}

pub(super) async fn operator_cancels(pool: &PgPool, id: Uuid) -> Result<Option<Change>, sqlx::Error> {
    let mut db = pool.begin().await?;
    let locked = activations::lock(&mut db, id).await?.expect("it is there");
    let (from, mut to) = (locked.activation.clone(), locked.activation);
    let Ok(queued) = to.cancelled_by_operator() else { return Ok(None) };
    let change = write(&mut db, from, to, queued).await?;
    db.commit().await?;
    Ok(Some(change))
}

/// An operator has what died, or waits, tried now.
pub(super) async fn operator_retries(pool: &PgPool, id: Uuid) -> Result<Option<Change>, sqlx::Error> {
    let mut db = pool.begin().await?;
    let locked = activations::lock(&mut db, id).await?.expect("it is there");
    let (from, mut to) = (locked.activation.clone(), locked.activation);
    let retriable = commands::lock_retriable(&mut db, id).await?;
    if retriable.is_empty() {
        return Ok(None);
    }
    commands::retry(&mut db, &retriable).await?;
    to.retried_by_operator();
    let version = activations::save(&mut db, &to).await?;
    db.commit().await?;
    Ok(Some(Change { version, from, to, queued: None }))
}

async fn write(
    db: &mut PgConnection,
    from: Activation,
    to: Activation,
    queued: Option<Queued>,
) -> Result<Change, sqlx::Error> {
    let writing = said::Writing { redispatch_seconds: LONG, trace: "" };
    let news = said::write(db, &to, queued, writing).await?;
    Ok(Change { version: news.version, from, to, queued: news.queued.map(|queued| queued.id) })
}

pub(super) fn bought(instance_id: &InstanceId) -> Purchase {
    Purchase {
        marketplace: MARKETPLACE,
        instance_id: instance_id.clone(),
        account_id: AccountId::parse("1234567890").unwrap(),
        sold: Purchased { order_id: Some("1".into()), product_code: None, sku_id: None, trial: None, expires_at: None },
        items: BTreeMap::new(),
        state: PurchaseState::Active,
        version: 1,
        announced: true,
    }
}

//! Workspaces as the console creates them.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

use super::check_site;
use crate::{answer::Answer, billing_center::accounts, config::Site, invent};

/// `POST /workspaces`: all of it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreateWorkspace {
    name: String,
    language: String,
    site: String,
    owner_account_id: Option<String>,
    billing_account_id: String,
    marketplace: Option<String>,
    instance_id: Option<String>,
    product_code: Option<String>,
    sku_id: Option<String>,
    trial: Option<bool>,
    terms_accepted_at: Option<String>,
    /// Only of workspaces that existed before any purchase.
    #[serde(skip)]
    bindable: Option<bool>,
}

impl CreateWorkspace {
    /// A workspace as it existed before any purchase.
    #[must_use]
    pub fn existing(name: String, site: String, billing_account_id: String, bindable: bool) -> Self {
        Self {
            name,
            language: "en".to_owned(),
            site,
            owner_account_id: None,
            billing_account_id,
            marketplace: None,
            instance_id: None,
            product_code: None,
            sku_id: None,
            trial: None,
            terms_accepted_at: None,
            bindable: Some(bindable),
        }
    }
}

/// 201 with the id, 409 `workspace-name-taken`; a name is unique on its site, without regard to case.
pub async fn create(database: &mut PgConnection, asked: CreateWorkspace, sites: &[Site]) -> Result<Answer, Answer> {
    check(database, &asked, sites).await?;
    let id = invent::opaque("ws");
    let created = sqlx::query(
        "insert into workspaces
             (id, name, language, site, bindable, owner_account_id, billing_account_id, request)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict do nothing",
    )
    .bind(&id)
    .bind(&asked.name)
    .bind(&asked.language)
    .bind(&asked.site)
    .bind(asked.bindable.unwrap_or(true))
    .bind(&asked.owner_account_id)
    .bind(&asked.billing_account_id)
    .bind(json!(asked))
    .execute(database)
    .await?;
    if created.rows_affected() == 0 {
        return Err(Answer::conflict("workspace-name-taken", "Another workspace has this name."));
    }
    Ok(Answer::created(json!({"id": id})))
}

async fn check(database: &mut PgConnection, asked: &CreateWorkspace, sites: &[Site]) -> Result<(), Answer> {
    check_site(sites, &asked.site)?;
    if asked.name.trim().is_empty() {
        return Err(Answer::invalid_field("name", "A name is needed."));
    }
    if !matches!(asked.language.as_str(), "zh" | "en") {
        return Err(Answer::invalid_field("language", "The language is zh or en."));
    }
    if accounts::by_id(database, &asked.billing_account_id).await?.is_none() {
        return Err(Answer::invalid_field("billing_account_id", "There is no such account."));
    }
    let ownerless = asked.bindable.is_some();
    if !ownerless && !owner_exists(database, asked).await? {
        return Err(Answer::invalid_field("owner_account_id", "There is no such account on this site."));
    }
    Ok(())
}

async fn owner_exists(database: &mut PgConnection, asked: &CreateWorkspace) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
             select
             from console_accounts
             where id = $1
             and site = $2
         )",
    )
    .bind(&asked.owner_account_id)
    .bind(&asked.site)
    .fetch_one(database)
    .await
}

//! Purchases and what becomes of them, by the control API.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::parsed;
use crate::{
    answer::Answer,
    app::App,
    clock,
    marketplace::{
        self, Instance, Purchase,
        change::{self, Change, Details},
        spi::Told,
    },
};

/// `POST /sandbox/purchases`: 201 after the seller accepted it, else 502 with the seller's answer.
pub async fn buy(State(app): State<App>, body: Bytes) -> Result<Answer, Answer> {
    let mut asked: Purchase = parsed(&body)?;
    check_account(asked.account_id.as_deref())?;
    asked.expires_on = dated(asked.expires_on)?;
    let bought = marketplace::buy(&app, asked).await?;
    if let Some(told) = &bought.told {
        accepted(&bought.instance, told)?;
    }
    Ok(Answer::created(json!({
        "account_id": bought.instance.account_id,
        "instance_id": bought.instance.instance_id,
        "order_id": bought.order_id,
        "login_url": bought.instance.login_url(&app).await?,
    })))
}

/// `POST /sandbox/instances/{instance_id}/login`: a fresh link.
pub async fn log_in(State(app): State<App>, Path(instance_id): Path<String>) -> Result<Answer, Answer> {
    let instance = known(&app, &instance_id).await?;
    let url = instance.login_url(&app).await?.ok_or_else(|| {
        Answer::conflict("not-ready", "The seller has not accepted the instance yet, so there is no authUrl.")
    })?;
    Ok(Answer::changed(json!({"login_url": url})))
}

/// `POST /sandbox/instances/{instance_id}/renew|upgrade|expire|resume|release`.
pub async fn change(
    State(app): State<App>,
    Path((instance_id, name)): Path<(String, String)>,
    body: Bytes,
) -> Result<Answer, Answer> {
    let change = Change::named(&name).ok_or_else(|| Answer::not_there("no-such-change", "There is no such change."))?;
    let instance = known(&app, &instance_id).await?;
    let mut details: Details = parsed(&body)?;
    details.expires_on = dated(details.expires_on)?;
    let told = change::make(&app, &instance, change, details).await?;
    let instance = known(&app, &instance_id).await?;
    accepted(&instance, &told)?;
    Ok(Answer::changed(json!({
        "instance_id": instance_id,
        "status": instance.status,
        "sku_id": instance.sku_id,
        "expires_on": instance.expires_on,
        "answer": told.answer,
    })))
}

async fn known(app: &App, instance_id: &str) -> Result<Instance, Answer> {
    let instance = marketplace::find(&app.database, instance_id).await?;
    instance.ok_or_else(|| Answer::not_there("unknown-instance", "There is no such instance."))
}

/// 502 with what the seller answered, where that is not accepted; the notice is called again by itself.
fn accepted(instance: &Instance, told: &Told) -> Result<(), Answer> {
    let Some(problem) = &told.problem else { return Ok(()) };
    let mut refused = Answer::problem(StatusCode::BAD_GATEWAY, "seller-refused", problem);
    if let Some(members) = refused.body.as_object_mut() {
        members.insert("instance_id".to_owned(), json!(instance.instance_id));
        members.insert("account_id".to_owned(), json!(instance.account_id));
        members.insert("answer".to_owned(), told.answer.clone());
        members.insert("answer_status".to_owned(), json!(told.status));
    }
    Err(refused)
}

fn check_account(account_id: Option<&str>) -> Result<(), Answer> {
    let digits = |id: &str| (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    if account_id.is_none_or(digits) {
        Ok(())
    } else {
        Err(Answer::invalid_field("account_id", "An Account ID is 1 to 32 digits."))
    }
}

/// The marketplace's own date form; RFC 3339 is turned into it.
fn dated(given: Option<String>) -> Result<Option<String>, Answer> {
    let Some(text) = given else { return Ok(None) };
    if clock::parse_marketplace_date(&text).is_some() {
        return Ok(Some(text));
    }
    let at = OffsetDateTime::parse(&text, &Rfc3339)
        .map_err(|_| Answer::invalid_field("expires_on", "The form is yyyy-MM-dd HH:mm:ss, Asia/Shanghai."))?;
    Ok(Some(clock::marketplace_date(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_passed_on_as_the_marketplace_writes_it() {
        assert_eq!(dated(Some("2027-01-31 00:00:00".into())).unwrap().unwrap(), "2027-01-31 00:00:00");
        assert_eq!(dated(Some("2027-01-30T16:00:00Z".into())).unwrap().unwrap(), "2027-01-31 00:00:00");
        assert!(dated(Some("soon".into())).is_err());
    }

    #[test]
    fn an_account_id_is_digits() {
        assert!(check_account(Some("1900000000000001")).is_ok());
        assert!(check_account(Some("19x")).is_err());
    }
}

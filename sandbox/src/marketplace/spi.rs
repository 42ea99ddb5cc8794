//! The marketplace's calls to the seller: signed, judged strictly, recorded, and made again until they are accepted.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sqlx::{PgPool, Row as _, types::Json};

use super::Instance;
use crate::{
    app::App,
    calls::{self, Call},
    clock,
};

pub mod verdict;

/// As often as the marketplace calls before it gives up.
const ATTEMPTS: i32 = 120;
/// The pause before the second call; it doubles up to a minute.
const FIRST_PAUSE_SECONDS: i64 = 2;
const LONGEST_PAUSE_SECONDS: i64 = 60;

/// What became of a call to the seller.
#[derive(Debug, Clone)]
pub struct Told {
    /// The answer's status; none when there was no answer.
    pub status: Option<u16>,
    /// The answer: JSON, or what was sent instead as a text.
    pub answer: Value,
    /// Why the answer is not accepted; none when it is.
    pub problem: Option<String>,
}

/// Pairs as owned text.
#[must_use]
pub fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The parameters with their token.
#[must_use]
pub fn signed(app: &App, mut parameters: Vec<(String, String)>) -> Vec<(String, String)> {
    let token = app.token(&parameters);
    parameters.push(("token".to_owned(), token));
    parameters
}

/// Keeps a notice, calls the seller at once, and leaves what is not accepted to the retries.
pub async fn tell(
    app: &App,
    instance: &Instance,
    action: &'static str,
    parameters: Vec<(String, String)>,
) -> Result<Told, sqlx::Error> {
    let id: i64 = sqlx::query_scalar(
        "insert into notices (instance_id, action, parameters, next_attempt_at)
         values ($1, $2, $3, $4)
         returning id",
    )
    .bind(&instance.instance_id)
    .bind(action)
    .bind(Json(&parameters))
    .bind(clock::now() + time::Duration::seconds(LONGEST_PAUSE_SECONDS))
    .fetch_one(&app.database)
    .await?;
    attempt(app, id, &instance.instance_id, action, parameters).await
}

/// Makes every notice that is due again, for as long as the sandbox runs.
pub async fn retry_forever(app: App) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Err(error) = retry_due(&app).await {
            tracing::warn!(%error, "the sandbox's database failed while notices were retried");
        }
    }
}

async fn retry_due(app: &App) -> Result<(), sqlx::Error> {
    let due = sqlx::query(
        "update notices
         set next_attempt_at = $1 + interval '1 minute'
         where accepted_at is null
         and next_attempt_at <= $1
         returning id, instance_id, action, parameters",
    )
    .bind(clock::now())
    .fetch_all(&app.database)
    .await?;
    for row in due {
        let action: String = row.try_get("action")?;
        let instance_id: String = row.try_get("instance_id")?;
        let parameters: Json<Vec<(String, String)>> = row.try_get("parameters")?;
        attempt(app, row.try_get("id")?, &instance_id, &action, parameters.0).await?;
    }
    Ok(())
}

async fn attempt(
    app: &App,
    id: i64,
    instance_id: &str,
    action: &str,
    parameters: Vec<(String, String)>,
) -> Result<Told, sqlx::Error> {
    let mut all = self::parameters(&[("action", action)]);
    all.extend(parameters);
    let received_at = clock::now();
    let told = call(app, action, instance_id, &all).await;
    let said: Map<String, Value> = all.into_iter().map(|(name, value)| (name, json!(value))).collect();
    let call = Call {
        part: "spi",
        method: "GET".to_owned(),
        path: app.config.spi_url.path().to_owned(),
        idempotency_key: None,
        headers: json!({}),
        body: Value::Object(said),
        status: told.status,
        received_at,
        effect: told.problem.is_none(),
        problem: told.problem.clone(),
    };
    calls::record(&app.database, &call).await?;
    settle(&app.database, id, instance_id, action, &told).await?;
    Ok(told)
}

async fn call(app: &App, action: &str, instance_id: &str, parameters: &[(String, String)]) -> Told {
    let mut url = app.config.spi_url.clone();
    url.query_pairs_mut().extend_pairs(signed(app, parameters.to_vec()));
    let unanswered = |problem: &str| Told { status: None, answer: Value::Null, problem: Some(problem.to_owned()) };
    let Ok(response) = app.http.get(url).send().await else { return unanswered("the seller does not answer") };
    let status = response.status().as_u16();
    let Ok(text) = response.text().await else { return unanswered("the seller's answer broke off") };
    let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let problem = verdict::judged(action, instance_id, status, &answer).err();
    Told { status: Some(status), answer, problem: problem.map(str::to_owned) }
}

async fn settle(database: &PgPool, id: i64, instance_id: &str, action: &str, told: &Told) -> Result<(), sqlx::Error> {
    let accepted = told.problem.is_none();
    let mut transaction = database.begin().await?;
    sqlx::query(
        "update notices
         set attempts = attempts + 1,
             problem = $2,
             accepted_at = case when $3 then $4::timestamptz end,
             next_attempt_at = case
                 when not $3 and attempts + 1 < $5
                 then $4 + make_interval(secs => least($6 * 2 ^ least(attempts, 10), $7)::double precision)
             end
         where id = $1",
    )
    .bind(id)
    .bind(&told.problem)
    .bind(accepted)
    .bind(clock::now())
    .bind(ATTEMPTS)
    .bind(FIRST_PAUSE_SECONDS)
    .bind(LONGEST_PAUSE_SECONDS)
    .execute(&mut *transaction)
    .await?;
    if accepted && action == "createInstance" {
        sqlx::query(
            "update instances
             set app_info = $2,
                 status = case when status = 'OPENING' then 'OPENED' else status end
             where instance_id = $1",
        )
        .bind(instance_id)
        .bind(told.answer.get("appInfo"))
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}

//! The workspaces that a Billing Center account may bind, a page at a time.

use serde::Serialize;
use serde_json::json;
use sqlx::{FromRow, PgConnection};

use super::accounts;
use crate::answer::Answer;

/// Small, so that every caller with a few workspaces has to turn a page.
const PAGE: usize = 10;

#[derive(Debug, Serialize, FromRow)]
struct Listed {
    #[serde(skip)]
    number: i64,
    id: String,
    name: String,
    site: String,
    language: String,
    bindable: bool,
    reason: Option<String>,
}

/// 200 with a page of workspaces and the cursor of the next one.
pub async fn list(database: &mut PgConnection, account: &str, cursor: Option<&str>) -> Result<Answer, Answer> {
    if accounts::by_id(database, account).await?.is_none() {
        return Err(Answer::not_there("account-unknown", "There is no such account."));
    }
    let after = match cursor {
        None | Some("") => 0,
        Some(cursor) => number(cursor).ok_or_else(|| Answer::malformed("this is no cursor of ours"))?,
    };
    let mut page: Vec<Listed> = sqlx::query_as(
        "select w.number, w.id, w.name, w.site, w.language,
                w.bindable and (b.workspace_id is null or b.state = 'released') as bindable,
                case
                    when b.state <> 'released' then 'It is bound already.'
                    when not w.bindable then 'Its plan cannot be bound.'
                end as reason
         from workspaces w
         left join bindings b on b.workspace_id = w.id
         where w.billing_account_id = $1
         and w.number > $2
         order by w.number
         limit $3",
    )
    .bind(account)
    .bind(after)
    .bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX))
    .fetch_all(database)
    .await?;
    let more = page.len() > PAGE;
    page.truncate(PAGE);
    let next_cursor = page.last().filter(|_| more).map(|last| format!("after-{:x}", last.number));
    Ok(Answer::found(json!({"workspaces": page, "next_cursor": next_cursor})))
}

fn number(cursor: &str) -> Option<i64> {
    i64::from_str_radix(cursor.strip_prefix("after-")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_was_made_up_is_none() {
        assert_eq!(number("after-1f"), Some(31));
        assert_eq!(number("31"), None);
    }
}

//! A refusal that came later: which field of which form it is about, and the vendor's own words.

use super::words::{Both, Words};
use crate::status::{Shown, ShownProblem};

/// The vendor's words, as plain text, perhaps of one field.
pub struct Said {
    /// The field's label; the vendor's own name for it where we know no better.
    pub label: Option<String>,
    /// The words.
    pub text: String,
}

/// The command that was refused last.
#[must_use]
pub fn step(shown: &Shown) -> Option<&str> {
    shown.steps.iter().rev().find(|step| step.status == "refused").map(|step| step.name.as_str())
}

/// Why the latest code was not sent, if it was refused: by the mail server, or by the Billing Center when it was looked up.
#[must_use]
pub fn code(shown: &Shown) -> Option<&ShownProblem> {
    let is_refused = shown.action == Some("correct")
        && shown.verification.as_ref().is_some_and(|code| code.status == "refused")
        && step(shown) == Some("send_verification_code");
    shown.problem.as_ref().filter(|_| is_refused)
}

/// The names of the fields of a form that a problem is about.
#[must_use]
pub fn fields(shown: &Shown, problem: &ShownProblem, form: &str) -> Vec<String> {
    let asked: Vec<&str> = match problem.code.as_str() {
        "username-taken" => vec!["username"],
        "cloud-account-linked-elsewhere" if form == "bind" => vec!["username"],
        "email-taken" | "account-unknown" => vec!["email"],
        "workspace-name-taken" => vec!["name"],
        "field-refused" => problem.errors.iter().map(|error| error.field.as_str()).collect(),
        _ => Vec::new(),
    };
    let of_workspace = step(shown) == Some("create_workspace");
    asked.into_iter().map(|path| name_in_form(form, path, of_workspace)).collect()
}

/// A platform's body and our form name the same thing differently.
fn name_in_form(form: &str, path: &str, of_workspace: bool) -> String {
    let of_account = !of_workspace || path == "email";
    match (form.starts_with("create-"), of_account) {
        (true, true) => format!("create.owner.{path}"),
        (true, false) => format!("create.{path}"),
        (false, true) => path.to_owned(),
        (false, false) => format!("workspace.{path}"),
    }
}

/// What the vendor said, if anything: in the vendor's language, whatever the page's is.
#[must_use]
pub fn vendor_words(shown: &Shown, problem: &ShownProblem, words: &Words) -> Vec<Said> {
    let ours = landfall_shared::refusal::RefusalCode::RefusedByVendor.sentence();
    let of_workspace = step(shown) == Some("create_workspace");
    let mut said: Vec<Said> = Vec::new();
    if problem.code == "refused-by-vendor" && problem.detail != ours {
        said.push(Said { label: None, text: problem.detail.clone() });
    }
    said.extend(problem.errors.iter().map(|error| {
        let label = label(&error.field, of_workspace).map(|(english, chinese)| words.pick(english, chinese));
        Said { label: Some(label.unwrap_or(error.field.as_str()).to_owned()), text: error.detail.clone() }
    }));
    said
}

fn label(path: &str, of_workspace: bool) -> Option<Both> {
    Some(match path {
        "username" => ("Username", "用户名"),
        "email" => ("E-mail", "邮箱"),
        "password" => ("Password", "登录密码"),
        "phone" => ("Phone number", "手机号"),
        "company.name" | "company" => ("Company name", "企业名称"),
        "company.country" => ("Country or region", "国家/地区"),
        "company.industry" => ("Industry", "所属行业"),
        "name" if of_workspace => ("Workspace name", "工作空间名称"),
        "language" => ("Workspace language", "工作空间语言"),
        "site" => ("Site", "站点"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platforms_field_is_found_in_our_forms() {
        assert_eq!(name_in_form("register", "company.name", false), "company.name");
        assert_eq!(name_in_form("rename", "name", true), "workspace.name");
        assert_eq!(name_in_form("create-new", "username", false), "create.owner.username");
        assert_eq!(name_in_form("create-have", "name", true), "create.name");
        assert_eq!(name_in_form("create-have", "email", true), "create.owner.email");
    }

    #[test]
    fn every_field_that_a_platform_is_sent_has_a_label() {
        for path in
            ["username", "email", "password", "phone", "company.name", "company.country", "company.industry", "site"]
        {
            assert!(label(path, false).is_some(), "{path}");
        }
        assert!(label("name", true).is_some() && label("language", true).is_some());
        assert!(label("owner_account_id", true).is_none());
    }
}

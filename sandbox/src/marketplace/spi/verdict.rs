//! Which answers of the seller the marketplace takes: contract §2, to the letter.

use serde_json::Value;

/// Whether an answer is one that the marketplace takes.
///
/// # Errors
/// One sentence that says what is wrong with it.
pub fn judged(action: &str, instance_id: &str, status: u16, answer: &Value) -> Result<(), &'static str> {
    if status != 200 {
        return Err("the status is not 200");
    }
    let members = answer.as_object().ok_or("the answer is no JSON object")?;
    if action != "createInstance" {
        let success = members.get("success").and_then(Value::as_str).ok_or("success is no text")?;
        return if success == "true" { Ok(()) } else { Err("success is not true") };
    }
    let given = members.get("instanceId").and_then(Value::as_str).ok_or("instanceId is no text")?;
    if given == "0" {
        return Err("instanceId is 0: the seller is not ready");
    }
    if given != instance_id {
        return Err("instanceId is not the orderBizId");
    }
    let info = members.get("appInfo").and_then(Value::as_object).ok_or("appInfo is no object")?;
    let login = info.get("authUrl").and_then(Value::as_str).ok_or("appInfo has no authUrl")?;
    let login = url::Url::parse(login).map_err(|_| "authUrl is no absolute URL")?;
    if !matches!(login.scheme(), "http" | "https") || login.query().is_some() {
        return Err("authUrl is not http(s), or has a query");
    }
    if info.contains_key("password") {
        return Err("appInfo holds a password");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn created(answer: &Value) -> Result<(), &'static str> {
        judged("createInstance", "42", 200, answer)
    }

    #[test]
    fn an_instance_with_a_login_page_is_accepted() {
        let answer = json!({"instanceId": "42", "appInfo": {"authUrl": "http://127.0.0.1:8080/login"}});
        assert_eq!(created(&answer), Ok(()));
        assert!(judged("createInstance", "42", 500, &answer).is_err());
    }

    #[test]
    fn a_wrong_answer_is_refused() {
        let login = json!({"authUrl": "http://127.0.0.1/login"});
        for answer in [
            json!({"instanceId": "0", "appInfo": login}),
            json!({"instanceId": "41", "appInfo": login}),
            json!({"instanceId": 42, "appInfo": login}),
            json!({"instanceId": "42"}),
            json!({"instanceId": "42", "appInfo": {}}),
            json!({"instanceId": "42", "appInfo": {"authUrl": "/login"}}),
            json!({"instanceId": "42", "appInfo": {"authUrl": "http://127.0.0.1/login?a=b"}}),
            json!("it works"),
        ] {
            assert!(created(&answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn success_is_the_text_true() {
        assert!(judged("renewInstance", "42", 200, &json!({"success": "true"})).is_ok());
        assert!(judged("renewInstance", "42", 200, &json!({"success": true})).is_err());
        assert!(judged("renewInstance", "42", 200, &json!({"success": "false"})).is_err());
    }
}

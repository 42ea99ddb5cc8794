//! THE TABLE OF SENTENCES: every problem code of the contract in plain words, with what to do next, in both languages.

use super::words::Both;

/// What a code means to a buyer.
#[derive(Debug, Clone, Copy)]
pub struct Sentence {
    /// The stable code of contract §3 or §4, or one of the page's own (`offline`, `session-ended`).
    pub code: &'static str,
    /// What is the matter.
    pub title: Both,
    /// What to do next.
    pub todo: Both,
}

/// The sentence of a code.
#[must_use]
pub fn of(code: &str) -> Option<&'static Sentence> {
    ALL.iter().find(|sentence| sentence.code == code)
}

/// The sentences that the page's script needs: what a call can be answered, and what it finds out itself.
pub fn of_calls() -> impl Iterator<Item = &'static Sentence> {
    CALLS.iter().chain(ALL.iter().filter(|sentence| sentence.code == "already-started"))
}

const fn sentence(code: &'static str, title: Both, todo: Both) -> Sentence {
    Sentence { code, title, todo }
}

/// The codes of contract §4: what the activation itself says.
const ALL: &[Sentence] = &[
    sentence(
        "instance-not-found",
        ("The marketplace does not know this instance yet", "云市场中暂未查询到该实例"),
        (
            "Compare the Product Instance ID with the one in <b>Marketplace > Purchased Services</b>. If you bought it a moment ago, just wait: as soon as the marketplace announces it, this goes on by itself.",
            "请在 <b>云市场 > 已购买的服务</b> 中核对商品实例 ID。如果刚刚购买，请稍候：收到云市场的通知后，流程会自动继续。",
        ),
    ),
    sentence(
        "already-started",
        ("The activation of this instance has begun already", "该实例的开通流程已经开始"),
        ("Go on with it by {back}: that leads to where it stands.", "请通过 {back} 继续，即可回到当前进度。"),
    ),
    sentence(
        "account-mismatch",
        ("This instance was bought by another Account ID", "该实例是由其他账号购买的"),
        (
            "Use the Account ID of the main account: log in with it and click the avatar in the upper right corner. A RAM user’s own id is not it. Or come in by {back}: then nothing has to be typed.",
            "请使用主账号的账号 ID：用主账号登录后，点击右上角的头像即可查看。RAM 用户自身的 ID 不是账号 ID。也可以通过 {back} 进入，无需填写。",
        ),
    ),
    sentence(
        "instance-not-active",
        ("The instance has expired", "该实例已到期"),
        (
            "Renew it in <b>Marketplace > Purchased Services</b>. After that, this goes on by itself.",
            "请在 <b>云市场 > 已购买的服务</b> 中续费，之后流程会自动继续。",
        ),
    ),
    sentence(
        "instance-already-bound",
        ("This instance is bound to a workspace already", "该实例已绑定工作空间"),
        (
            "Nothing has to be bound again: log in to {brand} as usual. If you don’t know that workspace, ask support.",
            "无需再次绑定，请照常登录 {brand}。如果您不清楚是哪个工作空间，请联系支持。",
        ),
    ),
    sentence(
        "username-taken",
        ("Somebody else has this username", "该用户名已被占用"),
        ("Choose another one. Everything else is kept.", "请更换用户名，其他内容均已保留。"),
    ),
    sentence(
        "email-taken",
        ("There is an account with this e-mail address already", "该邮箱已注册过账号"),
        (
            "Use that account, or enter another address. Everything else is kept.",
            "请使用该账号，或更换邮箱。其他内容均已保留。",
        ),
    ),
    sentence(
        "account-unknown",
        ("This e-mail address has no {brand} account", "该邮箱没有 {brand} 账号"),
        (
            "Enter the address that you registered with, or choose <b>No {brand} Account</b> and make one.",
            "请填写注册时使用的邮箱，或选择 <b>没有 {brand} 账号</b> 进行注册。",
        ),
    ),
    sentence(
        "workspace-name-taken",
        ("There is a workspace with this name already", "该工作空间名称已被使用"),
        ("Choose another name. Everything else is kept.", "请更换名称，其他内容均已保留。"),
    ),
    sentence(
        "workspace-not-bindable",
        ("This workspace can’t be bound", "该工作空间无法绑定"),
        ("Choose another one of the list, or create a workspace.", "请选择列表中的其他工作空间，或创建新的工作空间。"),
    ),
    sentence(
        "cloud-account-linked-elsewhere",
        ("This cloud account is bound to another Billing Center account", "该云账号已绑定其他费用中心账号"),
        (
            "Enter the username of that Billing Center account. If you don’t know it, ask whoever bound it, or support.",
            "请填写已绑定的费用中心账号的用户名。如果不清楚，请咨询当时的操作人或联系支持。",
        ),
    ),
    sentence(
        "mail-refused",
        ("The mail server does not take mail for this address", "邮件服务器拒收发往该地址的邮件"),
        ("Check the address for typing errors, or use another one.", "请检查邮箱是否填写有误，或更换邮箱。"),
    ),
    sentence(
        "field-refused",
        ("Some entries have to be changed", "部分内容需要修改"),
        ("See what is said of each of them. Everything else is kept.", "请查看以下说明并修改，其他内容均已保留。"),
    ),
    sentence(
        "refused-by-vendor",
        ("This could not be accepted as it is", "提交的内容未通过"),
        (
            "Change what is named here, and try again. Everything else is kept.",
            "请根据说明修改后重试，其他内容均已保留。",
        ),
    ),
    sentence(
        "marketplace-unavailable",
        ("Alibaba Cloud Marketplace is not answering at the moment", "阿里云云市场暂时没有响应"),
        ("We try again by ourselves: there is nothing for you to do.", "系统会自动重试，您无需操作。"),
    ),
    sentence(
        "platform-unavailable",
        ("One of our systems is not answering at the moment", "系统服务暂时无响应"),
        ("We try again by ourselves: there is nothing for you to do.", "系统会自动重试，您无需操作。"),
    ),
    sentence(
        "mail-unavailable",
        ("The mail server is not answering at the moment", "邮件服务器暂时没有响应"),
        ("We try again by ourselves: there is nothing for you to do.", "系统会自动重试，您无需操作。"),
    ),
    sentence(
        "not-yet",
        ("It has begun on the other side and is not finished there", "请求已受理，正在处理中"),
        ("We ask again by ourselves: there is nothing for you to do.", "系统会自动再次查询，您无需操作。"),
    ),
    sentence(
        "misconfigured",
        ("A connection on our side has to be put right", "我们这边的一项连接设置需要修正"),
        ("That is our part. As soon as it is done, this goes on by itself.", "由我们处理，修正后流程会自动继续。"),
    ),
    sentence(
        "internal",
        ("Something went wrong on our side", "系统内部异常"),
        ("We try again by ourselves: there is nothing for you to do.", "系统会自动重试，您无需操作。"),
    ),
    sentence(
        "platform-refused",
        ("One of our systems gave an answer that we did not expect", "系统返回了异常结果"),
        ("That is our part: our team has to look at it.", "由我们的工作人员处理。"),
    ),
    sentence(
        "instance-released",
        ("The marketplace has ended this instance", "云市场已释放该实例"),
        (
            "It can’t be activated any more. Accounts and workspaces that you made stay as they are. To go on, purchase {brand} anew in the marketplace.",
            "该实例无法再开通。您已创建的账号和工作空间会保留。如需继续使用，请在云市场重新购买 {brand}。",
        ),
    ),
    sentence(
        "cancelled-by-operator",
        ("This activation was cancelled by our team", "我们的工作人员已取消此次开通"),
        (
            "Accounts and workspaces that you made stay as they are. You can begin anew by {back}; if you did not ask for the cancellation, ask support.",
            "您已创建的账号和工作空间会保留。您可以通过 {back} 重新开始；如果并非您要求取消，请联系支持。",
        ),
    ),
];

/// What a call of the page can be answered at once (contract §3), and what the page finds out itself.
const CALLS: &[Sentence] = &[
    sentence(
        "invalid-field",
        ("Some entries have to be changed", "部分内容需要修改"),
        ("They are marked below.", "已在下方标出。"),
    ),
    sentence(
        "code-invalid",
        ("This is not the code that was sent", "验证码不正确"),
        ("Compare it with the latest e-mail.", "请与最新一封邮件核对。"),
    ),
    sentence(
        "code-expired",
        ("This code is no longer valid", "验证码已失效"),
        ("Send a new code.", "请重新发送验证码。"),
    ),
    sentence(
        "code-used",
        ("This code has done its work already", "验证码已使用过"),
        ("Send a new code if you need one.", "如有需要，请重新发送验证码。"),
    ),
    sentence(
        "too-many-codes",
        ("No further code can be sent just now", "暂时无法发送新的验证码"),
        (
            "Wait until the time shown, then ask again. A code that you have already stays valid until it expires. If that does not help, ask support.",
            "请在所示时间之后重试。已收到的验证码在有效期内仍可使用。如果仍无法发送，请联系支持。",
        ),
    ),
    sentence(
        "too-many-requests",
        ("That was too often", "操作过于频繁"),
        (
            "Wait until the time shown, then try again, or come in by {back}.",
            "请在所示时间之后重试，或通过 {back} 进入。",
        ),
    ),
    sentence(
        "in-progress",
        ("What you asked for before is still being done", "上一步操作仍在处理中"),
        ("This page shows how it goes.", "本页面会显示进度。"),
    ),
    sentence(
        "idempotency-in-flight",
        ("What you asked for is being done", "您的请求正在处理"),
        ("This page shows how it goes.", "本页面会显示进度。"),
    ),
    sentence(
        "idempotency-key-reused",
        ("This page is out of date", "页面已过期"),
        ("Reload it, and try again.", "请刷新页面后重试。"),
    ),
    sentence(
        "out-of-turn",
        ("This step is over, or not yet open", "当前步骤已完成或尚未开始"),
        ("This page now shows where your activation stands.", "页面已更新为最新进度。"),
    ),
    sentence(
        "unavailable",
        ("This can’t be answered at the moment", "服务暂时无法响应"),
        ("Nothing is lost. Try again in a moment.", "您的内容不会丢失，请稍后重试。"),
    ),
    sentence(
        "malformed-request",
        ("This page is out of date", "页面已过期"),
        ("Reload it, and try again.", "请刷新页面后重试。"),
    ),
    sentence(
        "unsupported-media-type",
        ("This page is out of date", "页面已过期"),
        ("Reload it, and try again.", "请刷新页面后重试。"),
    ),
    sentence(
        "payload-too-large",
        ("That is more than can be taken", "内容过长"),
        ("Shorten what you typed.", "请精简填写的内容。"),
    ),
    sentence(
        "cross-origin",
        ("This page was opened at another address", "页面地址不一致"),
        ("Come in by {back}.", "请通过 {back} 进入。"),
    ),
    sentence(
        "not-signed-in",
        ("Your session has ended", "登录已失效"),
        (
            "Nothing is lost. Go on by {back}; what you typed is kept in this browser.",
            "您的进度不会丢失。请通过 {back} 继续，已填写的内容保留在此浏览器中。",
        ),
    ),
    sentence(
        "unknown-activation",
        ("This session can’t see this activation", "当前登录状态下无法查看该开通流程"),
        ("Come in by {back}.", "请通过 {back} 进入。"),
    ),
    sentence(
        "offline",
        ("No connection", "网络已断开"),
        ("We keep trying. What you typed is kept.", "系统会持续重试，已填写的内容不会丢失。"),
    ),
    sentence(
        "other",
        ("That did not work", "操作未成功"),
        ("Try again; if it happens once more, ask support.", "请重试；如果仍不成功，请联系支持。"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const PROBLEMS_OF_ACTIVATIONS: &str = "instance-not-found already-started account-mismatch instance-not-active \
        instance-already-bound username-taken email-taken account-unknown workspace-name-taken workspace-not-bindable \
        cloud-account-linked-elsewhere mail-refused field-refused refused-by-vendor marketplace-unavailable \
        platform-unavailable mail-unavailable not-yet misconfigured internal platform-refused instance-released \
        cancelled-by-operator";
    const PROBLEMS_OF_CALLS: &str = "malformed-request not-signed-in unknown-activation out-of-turn in-progress code-used \
        already-started code-expired payload-too-large unsupported-media-type invalid-field code-invalid \
        idempotency-key-reused idempotency-in-flight too-many-codes too-many-requests unavailable cross-origin";

    #[test]
    fn every_code_of_the_contract_has_a_sentence() {
        for code in PROBLEMS_OF_ACTIVATIONS.split_whitespace() {
            assert!(of(code).is_some(), "{code}");
        }
        for code in PROBLEMS_OF_CALLS.split_whitespace() {
            assert!(of_calls().any(|sentence| sentence.code == code), "{code}");
        }
    }

    #[test]
    fn every_sentence_speaks_both_languages_and_says_what_to_do() {
        for sentence in ALL.iter().chain(CALLS) {
            for (english, chinese) in [sentence.title, sentence.todo] {
                assert!(english.is_ascii() || english.contains('’'), "{}", sentence.code);
                assert!(!english.is_empty() && chinese.chars().any(|c| c > '\u{2E80}'), "{}", sentence.code);
            }
        }
    }
}

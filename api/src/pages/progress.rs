//! Where an activation stands, for a buyer's eyes: the way in four steps, and what is in hand of it.

use super::words::Both;
use crate::status::{ShownProblem, Step};

/// How far one thing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Done.
    Done,
    /// In hand, or the buyer's turn.
    Now,
    /// An attempt failed; it is tried again.
    Waits,
    /// Not begun.
    Ahead,
}

impl Standing {
    /// The word for style sheets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Waits => "waits",
            Self::Ahead => "ahead",
        }
    }

    /// The words for who does not see the mark.
    #[must_use]
    pub fn words(self) -> Both {
        match self {
            Self::Done => ("done", "已完成"),
            Self::Now => ("in progress", "进行中"),
            Self::Waits => ("being tried again", "等待重试"),
            Self::Ahead => ("to come", "未开始"),
        }
    }
}

/// One step of the way.
pub struct WayStep {
    pub label: Both,
    pub standing: Standing,
}

/// The way in four steps, by the polled stage.
#[must_use]
pub fn way(stage: &str) -> [WayStep; 4] {
    let labels = [
        ("purchase", ("Purchase", "核实购买")),
        ("billing_account", ("Billing Center account", "费用中心账号")),
        ("workspace", ("Workspace", "工作空间")),
        ("confirmation", ("Confirm", "确认")),
    ];
    let reached = labels.iter().position(|(name, _)| *name == stage).unwrap_or(labels.len());
    let standing = |at: usize| match at.cmp(&reached) {
        std::cmp::Ordering::Less => Standing::Done,
        std::cmp::Ordering::Equal => Standing::Now,
        std::cmp::Ordering::Greater => Standing::Ahead,
    };
    let mut at = 0;
    labels.map(|(_, label)| {
        at += 1;
        WayStep { label, standing: standing(at - 1) }
    })
}

/// One command of what is in hand.
pub struct Task<'a> {
    pub label: Both,
    pub standing: Standing,
    pub problem: Option<&'a ShownProblem>,
    pub next_attempt_at: Option<time::OffsetDateTime>,
    pub attempt: i32,
}

/// What a command does, in a buyer's words.
#[must_use]
pub fn label(name: &str) -> Both {
    match name {
        "verify_purchase" => ("Verifying your purchase with the marketplace", "向云市场核实您的购买"),
        "find_billing_account" => {
            ("Looking whether your cloud account is bound already", "查询云账号是否已绑定费用中心账号")
        }
        "send_verification_code" => ("Sending the verification code", "发送验证码"),
        "register_buyer" => ("{brand} account", "{brand} 账号"),
        "open_billing_account" => ("Billing Center account", "费用中心账号"),
        "bind_billing_account" => {
            ("Binding your cloud account to the Billing Center account", "将云账号绑定到费用中心账号")
        }
        "unlink_billing_account" => ("Undoing the binding of the Billing Center account", "解除费用中心账号的绑定"),
        "list_workspaces" => ("Looking up your workspaces", "查询您的工作空间"),
        "create_workspace" => ("Creating the workspace", "创建工作空间"),
        "bind_workspace" => ("Binding the workspace", "绑定工作空间"),
        "unbind_workspace" => ("Undoing the binding of the workspace", "解除工作空间的绑定"),
        _ => ("Working", "处理中"),
    }
}

/// The tasks of a plan, as the steps say they stand. A step counts only from the one before it in the plan on: what an
/// earlier, refused try left behind is no progress of this one.
#[must_use]
pub fn tasks<'a>(plan: &[&'static str], steps: &'a [Step]) -> Vec<Task<'a>> {
    let mut from = 0;
    let mut tasks = Vec::new();
    for name in plan {
        let found = steps.iter().enumerate().rev().find(|(at, step)| step.name == *name && *at >= from);
        if let Some((at, _)) = found {
            from = at;
        }
        tasks.push(task(name, found.map(|(_, step)| step)));
    }
    let in_hand = |step: &&Step| matches!(step.status, "queued" | "running" | "retrying") && is_journey(&step.name);
    match steps.iter().rev().find(in_hand) {
        Some(step) if !plan.contains(&step.name.as_str()) => vec![task(&step.name, Some(step))],
        _ => tasks,
    }
}

fn task<'a>(name: &str, step: Option<&'a Step>) -> Task<'a> {
    let standing = match step.map(|step| step.status) {
        None => Standing::Ahead,
        Some("succeeded") => Standing::Done,
        Some("retrying") => Standing::Waits,
        Some(_) => Standing::Now,
    };
    Task {
        label: label(name),
        standing,
        problem: step.and_then(|step| step.problem.as_ref()),
        next_attempt_at: step.and_then(|step| step.next_attempt_at),
        attempt: step.map_or(0, |step| step.attempt),
    }
}

/// Codes, notices and reports run beside the journey.
fn is_journey(name: &str) -> bool {
    !["send_verification_code", "send_notice", "renew", "upgrade", "suspend", "resume", "release"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, status: &'static str) -> Step {
        let at = time::OffsetDateTime::UNIX_EPOCH;
        Step {
            name: name.to_owned(),
            status,
            attempt: 1,
            max_attempts: 200,
            queued_at: at,
            finished_at: None,
            next_attempt_at: None,
            problem: None,
        }
    }

    fn standings(plan: &[&'static str], steps: &[Step]) -> Vec<&'static str> {
        tasks(plan, steps).iter().map(|task| task.standing.as_str()).collect()
    }

    #[test]
    fn a_plan_shows_what_is_done_what_is_in_hand_and_what_is_to_come() {
        let steps = [step("register_buyer", "succeeded"), step("open_billing_account", "retrying")];
        let plan = ["register_buyer", "open_billing_account", "bind_billing_account"];
        assert_eq!(standings(&plan, &steps), ["done", "waits", "ahead"]);
    }

    #[test]
    fn what_an_earlier_try_left_behind_is_no_progress_of_this_one() {
        let steps = [
            step("create_workspace", "succeeded"),
            step("bind_workspace", "refused"),
            step("send_verification_code", "succeeded"),
            step("create_workspace", "queued"),
        ];
        assert_eq!(standings(&["create_workspace", "bind_workspace"], &steps), ["now", "ahead"]);
    }

    #[test]
    fn what_is_in_hand_is_shown_even_if_no_plan_names_it() {
        let steps = [step("unlink_billing_account", "running")];
        assert_eq!(standings(&["list_workspaces"], &steps), ["now"]);
    }

    #[test]
    fn the_way_has_four_steps() {
        let shown = |stage| way(stage).map(|step| step.standing.as_str());
        assert_eq!(shown("purchase"), ["now", "ahead", "ahead", "ahead"]);
        assert_eq!(shown("workspace"), ["done", "done", "now", "ahead"]);
        assert_eq!(shown("active"), ["done", "done", "done", "done"]);
    }
}

//! What a step's outcome makes of an activation: pure, so that it can be applied again to whatever changed meanwhile.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Activation, Binding, BoundAccount, Cancellation, LinkedAccount, Request, Stage, StartedBy, Turn, Workspace};
use crate::buyer::AccountId;
use crate::command::{
    BindWorkspace, CodePart, Command, FindBillingAccount, Lane, ListWorkspaces, Report, SendVerificationCode,
    UnbindWorkspace,
};
use crate::purchase::{Purchase, Purchased, PurchaseState};
use crate::refusal::{Fault, Refusal};

/// What a step found or did outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// The marketplace sold the instance to this cloud account.
    PurchaseVerified {
        /// Who bought it.
        account_id: AccountId,
        /// What was sold.
        purchased: Purchased,
    },
    /// The marketplace has ended the instance.
    PurchaseEnded,
    /// The cloud account is linked to this Billing Center account, or to none.
    LinkFound(Option<LinkedAccount>),
    /// A username was looked up; what was found stays hidden.
    AccountLookedUp(Option<LookedUp>),
    /// The mail server took the mail.
    CodeSent,
    /// The code was over before its mail could be sent.
    CodeOver,
    /// The cloud account is linked to the account that the command named.
    BillingAccountBound,
    /// These workspaces there are.
    WorkspacesListed(Vec<Workspace>),
    /// The console made the workspace.
    WorkspaceCreated(Workspace),
    /// The Billing Center bound the workspace and knows this version of the purchase.
    WorkspaceBound {
        /// The version of the purchase that the binding contained.
        told: i64,
    },
    /// The binding is gone.
    WorkspaceUnbound,
    /// The Billing Center knows this version of the purchase.
    Reported {
        /// The version of the purchase that it was told.
        told: i64,
    },
}

/// What a username's look-up brought: for the mail, and for the binding if the code is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedUp {
    /// The account.
    pub account: LinkedAccount,
    /// Its address.
    pub email: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Happened(Happened),
    /// The other side is still at it: not an attempt.
    Later(Fault),
    /// Failed; tried again.
    Retry(Fault),
    /// The buyer must change something.
    Refused(Refusal),
    /// No retry mends it, or none is left.
    Dead(Fault),
}

/// What a challenge becomes with the outcome, in the same statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeChange {
    /// The challenge.
    pub id: Uuid,
    /// Its new status.
    pub status: &'static str,
    /// What the look-up found.
    pub looked_up: Option<LookedUp>,
}

/// What follows from an outcome, beside the activation itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Follow {
    /// What is queued next.
    pub next: Option<Command>,
    /// The activation holds its instance from now on, if nobody else does.
    pub hold: bool,
    /// What becomes of a challenge.
    pub challenge: Option<ChallengeChange>,
    /// The command is not tried again although it did not succeed: its activation was cancelled.
    pub ends: bool,
    /// Nothing of it may show: neither version nor step.
    pub hidden: bool,
}

impl Follow {
    fn go(command: Command) -> Self {
        Self { next: Some(command), ..Self::default() }
    }
}

impl Stage {
    /// The stage at which a linked account's workspaces are chosen.
    pub(super) fn at_workspaces(linked: LinkedAccount, now: OffsetDateTime) -> Self {
        let account = BoundAccount { id: linked.id, username: linked.username, bound_at: now };
        Self::Workspace { account, workspaces: Vec::new(), made: Vec::new() }
    }
}

impl Activation {
    /// Takes in how a command ended and says what follows. `purchase` is the announced purchase as it is now.
    pub fn apply(
        &mut self,
        command: &Command,
        outcome: &Outcome,
        purchase: Option<&Purchase>,
        now: OffsetDateTime,
    ) -> Follow {
        match command.lane() {
            Lane::Mail => self.apply_mail(command, outcome),
            Lane::Lifecycle => self.apply_report(outcome, purchase),
            Lane::Journey if self.cancelled.is_some() => self.apply_after_the_end(command, outcome),
            Lane::Journey => match outcome {
                Outcome::Happened(happened) => self.apply_happened(command, happened, purchase, now),
                Outcome::Later(_) | Outcome::Retry(_) => {
                    if let Turn::Workers { retrying, .. } = &mut self.turn {
                        *retrying = true;
                    }
                    Follow::default()
                }
                Outcome::Refused(refusal) => {
                    self.turn = Turn::Mend { request: self.request(), refusal: refusal.clone() };
                    Follow::default()
                }
                Outcome::Dead(fault) => {
                    self.turn = Turn::Operator { request: self.request(), proof: self.proof(), fault: fault.clone() };
                    Follow::default()
                }
            },
        }
    }

    fn apply_happened(
        &mut self,
        command: &Command,
        happened: &Happened,
        purchase: Option<&Purchase>,
        now: OffsetDateTime,
    ) -> Follow {
        match happened {
            Happened::PurchaseVerified { account_id, purchased } => {
                self.account_id = Some(account_id.clone());
                self.purchase = Some(purchased.clone());
                self.stage = Stage::BillingAccount { linked: None };
                self.hand_over(Request::Entry, None);
                Follow { hold: true, ..Follow::go(Command::FindBillingAccount(FindBillingAccount {})) }
            }
            Happened::PurchaseEnded => {
                self.cancelled = Some(Cancellation::InstanceReleased);
                Follow::default()
            }
            Happened::LinkFound(linked) => self.apply_link(linked.clone(), now),
            Happened::BillingAccountBound => {
                let Command::BindBillingAccount(asked) = command else { return Follow::default() };
                let linked = LinkedAccount { id: asked.billing_account_id.clone(), username: asked.username.clone() };
                self.goes_on_after_link(linked, now)
            }
            Happened::WorkspacesListed(listed) => {
                if let Stage::Workspace { workspaces, made, .. } = &mut self.stage {
                    let kept = made.iter().filter(|made| listed.iter().all(|listed| listed.id != made.id));
                    *workspaces = listed.iter().chain(kept).cloned().collect();
                }
                self.turn = Turn::Buyer;
                Follow::default()
            }
            Happened::WorkspaceCreated(workspace) => self.apply_created(workspace),
            Happened::WorkspaceBound { told } => self.apply_bound(command, *told, purchase, now),
            Happened::WorkspaceUnbound
            | Happened::AccountLookedUp(_)
            | Happened::CodeSent
            | Happened::CodeOver
            | Happened::Reported { .. } => Follow::default(),
        }
    }

    fn apply_link(&mut self, linked: Option<LinkedAccount>, now: OffsetDateTime) -> Follow {
        match (linked, self.started_by) {
            (Some(linked), StartedBy::Login | StartedBy::Platform) => {
                self.stage = Stage::at_workspaces(linked, now);
                Follow::go(Command::ListWorkspaces(ListWorkspaces {}))
            }
            (linked, _) => {
                self.stage = Stage::BillingAccount { linked };
                self.turn = Turn::Buyer;
                Follow::default()
            }
        }
    }

    /// The link is made: what proved the buyer's right to it has done its work.
    fn goes_on_after_link(&mut self, linked: LinkedAccount, now: OffsetDateTime) -> Follow {
        let challenge = self.spent_proof();
        self.stage = Stage::at_workspaces(linked, now);
        self.hand_over(Request::Refresh, None);
        Follow { challenge, ..Follow::go(Command::ListWorkspaces(ListWorkspaces {})) }
    }

    fn apply_created(&mut self, workspace: &Workspace) -> Follow {
        if let Stage::Workspace { workspaces, made, .. } = &mut self.stage {
            workspaces.push(workspace.clone());
            made.push(workspace.clone());
        }
        Follow::go(Command::BindWorkspace(BindWorkspace {
            workspace_id: workspace.id.clone(),
            workspace_name: workspace.name.clone(),
            site: workspace.site.clone(),
        }))
    }

    fn apply_bound(&mut self, command: &Command, told: i64, purchase: Option<&Purchase>, now: OffsetDateTime) -> Follow {
        let (Command::BindWorkspace(asked), Stage::Workspace { account, workspaces, .. }) = (command, &self.stage) else {
            return Follow::default();
        };
        let binding = Binding {
            workspace_id: asked.workspace_id.clone(),
            workspace_name: asked.workspace_name.clone(),
            site: asked.site.clone(),
            bound_at: now,
            told,
        };
        let challenge = self.spent_proof();
        self.stage =
            Stage::Confirmation { account: account.clone(), workspaces: workspaces.clone(), binding };
        self.turn = Turn::Buyer;
        Follow { challenge, next: self.report_if_it_changed(purchase), ..Follow::default() }
    }

    /// A cancelled activation's command in flight has ended: whatever it may have bound is told, or taken back.
    fn apply_after_the_end(&mut self, command: &Command, outcome: &Outcome) -> Follow {
        let may_be_bound = !matches!(outcome, Outcome::Refused(_));
        match (command, outcome) {
            (Command::UnbindWorkspace(_), _) => Follow::default(),
            (Command::BindWorkspace(asked), _) if may_be_bound => {
                let follow = match self.cancelled {
                    Some(Cancellation::InstanceReleased) => Command::Release(Report {}),
                    Some(Cancellation::CancelledByOperator) | None => {
                        Command::UnbindWorkspace(UnbindWorkspace { workspace_id: asked.workspace_id.clone() })
                    }
                };
                Follow { ends: true, ..Follow::go(follow) }
            }
            _ => Follow { ends: true, ..Follow::default() },
        }
    }

    fn apply_report(&mut self, outcome: &Outcome, purchase: Option<&Purchase>) -> Follow {
        let Outcome::Happened(Happened::Reported { told: now_told }) = outcome else { return Follow::default() };
        if let Stage::Confirmation { binding, .. } | Stage::Active { binding, .. } = &mut self.stage {
            binding.told = binding.told.max(*now_told);
        }
        Follow { next: self.report_if_it_changed(purchase), ..Follow::default() }
    }

    fn apply_mail(&mut self, command: &Command, outcome: &Outcome) -> Follow {
        let Command::SendVerificationCode(SendVerificationCode { challenge_id, part }) = command else {
            return Follow::default();
        };
        let becomes = |status, looked_up| Some(ChallengeChange { id: *challenge_id, status, looked_up });
        match (part, outcome) {
            (CodePart::HiddenMail, _) => Follow { hidden: true, ..Follow::default() },
            (CodePart::LookUp, Outcome::Happened(Happened::AccountLookedUp(found))) => Follow {
                next: found.as_ref().map(|_| {
                    Command::SendVerificationCode(SendVerificationCode {
                        challenge_id: *challenge_id,
                        part: CodePart::HiddenMail,
                    })
                }),
                challenge: becomes("sent", found.clone()),
                ..Follow::default()
            },
            (_, Outcome::Happened(Happened::CodeSent)) => {
                Follow { challenge: becomes("sent", None), ..Follow::default() }
            }
            (_, Outcome::Refused(_)) => Follow { challenge: becomes("refused", None), ..Follow::default() },
            (_, Outcome::Happened(_) | Outcome::Later(_) | Outcome::Retry(_) | Outcome::Dead(_)) => Follow::default(),
        }
    }

    /// Once bound, the Billing Center is told whatever the marketplace said since it was last told.
    pub(super) fn report_if_it_changed(&self, purchase: Option<&Purchase>) -> Option<Command> {
        let (binding, purchase) = (self.binding()?, purchase?);
        (purchase.version > binding.told).then(|| match purchase.state {
            PurchaseState::Active => Command::Renew(Report {}),
            PurchaseState::Suspended => Command::Suspend(Report {}),
            PurchaseState::Released => Command::Release(Report {}),
        })
    }

    fn spent_proof(&self) -> Option<ChallengeChange> {
        self.proof().map(|id| ChallengeChange { id, status: "spent", looked_up: None })
    }

    fn request(&self) -> Request {
        match self.turn {
            Turn::Workers { request, .. } | Turn::Operator { request, .. } | Turn::Mend { request, .. } => request,
            Turn::Buyer => Request::Entry,
        }
    }

    fn proof(&self) -> Option<Uuid> {
        match self.turn {
            Turn::Workers { proof, .. } | Turn::Operator { proof, .. } => proof,
            Turn::Mend { .. } | Turn::Buyer => None,
        }
    }
}

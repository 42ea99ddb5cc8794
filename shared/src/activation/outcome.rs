//! What a step's outcome makes of an activation: pure, so that it can be applied again to whatever changed meanwhile.

use time::OffsetDateTime;
use uuid::Uuid;

use super::registering::bind;
use super::{
    Activation, Binding, Cancellation, ConsoleAccount, LinkedAccount, Made, MadeWorkspace, Request, Stage, StartedBy,
    Turn, Workspace,
};
use crate::buyer::AccountId;
use crate::command::{Command, FindBillingAccount, Lane, Report, UnbindWorkspace};
use crate::platform::PlatformId;
use crate::purchase::{Purchase, PurchaseState, Purchased};
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
    /// The console made the account, or has it.
    BuyerRegistered(ConsoleAccount),
    /// The Billing Center opened an account of this id.
    BillingAccountOpened(PlatformId),
    /// The cloud account is linked to the account that the command named.
    BillingAccountBound,
    /// These workspaces there are.
    WorkspacesListed(Vec<Workspace>),
    /// The console made the workspace for this owner.
    WorkspaceCreated(Workspace, ConsoleAccount),
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
    /// Not begun: the activation was cancelled before.
    Over,
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
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others, and a column of the settling")]
pub struct Follow {
    /// What is queued next.
    pub next: Option<Command>,
    /// The activation holds its instance from now on, if nobody else does.
    pub hold: bool,
    /// What becomes of a challenge.
    pub challenge: Option<ChallengeChange>,
    /// The sealed password is erased: whoever must have it has taken it, or nobody will now.
    pub erase_password: bool,
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
                Outcome::Over => Follow { ends: true, ..Follow::default() },
                Outcome::Later(_) | Outcome::Retry(_) => {
                    if let Turn::Workers { retrying, .. } = &mut self.turn {
                        *retrying = true;
                    }
                    Follow::default()
                }
                Outcome::Refused(refusal) => {
                    let proof = self.proof();
                    self.turn = Turn::Mend { request: self.request(), refusal: refusal.clone(), proof };
                    Follow { erase_password: true, ..Follow::default() }
                }
                Outcome::Dead(fault) => {
                    self.turn = Turn::Operator { request: self.request(), proof: self.proof(), fault: fault.clone() };
                    Follow::default()
                }
            },
        }
    }

    /// Whether a command need not be tried (again), for its activation was cancelled: only what takes the binding back, what
    /// reports a release, and a binding that was attempted and so may have been made goes on.
    #[must_use]
    pub fn is_over_for(&self, command: &Command, attempted: bool) -> bool {
        match (self.cancelled, command.lane()) {
            (None, _) | (Some(Cancellation::InstanceReleased), Lane::Lifecycle) => false,
            (Some(_), Lane::Journey) => match command {
                Command::UnbindWorkspace(_) => false,
                Command::BindWorkspace(_) => !attempted,
                _ => true,
            },
            (Some(_), Lane::Mail) | (Some(Cancellation::CancelledByOperator), Lane::Lifecycle) => true,
        }
    }

    fn apply_happened(
        &mut self,
        command: &Command,
        happened: &Happened,
        purchase: Option<&Purchase>,
        now: OffsetDateTime,
    ) -> Follow {
        if !self.awaits(happened) {
            return Follow::default();
        }
        if let Turn::Workers { retrying, .. } = &mut self.turn {
            *retrying = false;
        }
        match happened {
            // It was released while the marketplace was being asked.
            Happened::PurchaseVerified { .. } if purchase.is_some_and(|now| now.state == PurchaseState::Released) => {
                self.cancelled = Some(Cancellation::InstanceReleased);
                Follow::default()
            }
            Happened::PurchaseVerified { account_id, purchased } => {
                self.account_id = Some(account_id.clone());
                // What the marketplace has said since, or before it was known, is in the row.
                self.purchase = Some(purchase.map_or(purchased, |known| &known.sold).clone());
                self.stage = Stage::BillingAccount { linked: None, made: Made::default() };
                self.hand_over(Request::Entry, None);
                Follow { hold: true, ..Follow::go(Command::FindBillingAccount(FindBillingAccount {})) }
            }
            Happened::PurchaseEnded => {
                self.cancelled = Some(Cancellation::InstanceReleased);
                Follow::default()
            }
            Happened::LinkFound(linked) => self.apply_link(linked.clone(), now),
            Happened::BuyerRegistered(account) => {
                self.keep_console_account(account);
                // At the stage of the workspace nobody but the console needs the password.
                let taken = matches!(self.stage, Stage::Workspace { .. });
                Follow { erase_password: taken, next: self.request_goes_on(), ..Follow::default() }
            }
            Happened::BillingAccountOpened(id) => {
                let Command::OpenBillingAccount(asked) = command else { return Follow::default() };
                self.keep_billing_account(id, asked.account.username.as_str());
                Follow { erase_password: true, next: self.request_goes_on(), ..Follow::default() }
            }
            Happened::BillingAccountBound => {
                let Command::BindBillingAccount(asked) = command else { return Follow::default() };
                let linked = LinkedAccount { id: asked.billing_account_id.clone(), username: asked.username.clone() };
                self.goes_on_after_link(linked, now)
            }
            Happened::WorkspacesListed(listed) => {
                if let Stage::Workspace { workspaces, made, .. } = &mut self.stage {
                    let made = made.workspaces.iter().map(|made| &made.workspace);
                    let kept = made.filter(|made| listed.iter().all(|listed| listed.id != made.id));
                    *workspaces = listed.iter().chain(kept).cloned().collect();
                }
                self.turn = match self.request() {
                    Request::Refresh(then) => *then,
                    Request::Entry | Request::Registration(_) | Request::BillingAccount | Request::Workspace(_) => {
                        Turn::Buyer
                    }
                };
                Follow::default()
            }
            Happened::WorkspaceCreated(workspace, owner) => self.apply_created(workspace, owner),
            Happened::WorkspaceBound { told } => self.apply_bound(command, *told, purchase, now),
            Happened::WorkspaceUnbound
            | Happened::AccountLookedUp(_)
            | Happened::CodeSent
            | Happened::Reported { .. } => Follow::default(),
        }
    }

    /// Whether something that leads to a stage comes at the stage before it: the way leads forward only.
    fn awaits(&self, happened: &Happened) -> bool {
        match happened {
            Happened::PurchaseVerified { .. } | Happened::PurchaseEnded => self.stage == Stage::Purchase,
            Happened::LinkFound(_) | Happened::BillingAccountBound => {
                matches!(self.stage, Stage::BillingAccount { .. })
            }
            Happened::AccountLookedUp(_)
            | Happened::CodeSent
            | Happened::BuyerRegistered(_)
            | Happened::BillingAccountOpened(_)
            | Happened::WorkspacesListed(_)
            | Happened::WorkspaceCreated(..)
            | Happened::WorkspaceBound { .. }
            | Happened::WorkspaceUnbound
            | Happened::Reported { .. } => true,
        }
    }

    fn apply_link(&mut self, linked: Option<LinkedAccount>, now: OffsetDateTime) -> Follow {
        match (linked, self.started_by) {
            (Some(linked), StartedBy::Login | StartedBy::Platform) => Follow::go(self.goes_to_workspaces(linked, now)),
            (linked, _) => {
                self.stage = Stage::BillingAccount { linked, made: Made::default() };
                self.turn = Turn::Buyer;
                Follow::default()
            }
        }
    }

    /// The link is made. Registering goes on to the workspace; else what proved the buyer's right has done its work.
    fn goes_on_after_link(&mut self, linked: LinkedAccount, now: OffsetDateTime) -> Follow {
        if matches!(self.turn, Turn::Workers { request: Request::Registration(_), .. }) {
            self.reach_workspaces(linked, now);
            return Follow { next: self.request_goes_on(), ..Follow::default() };
        }
        let challenge = self.spent_proof();
        Follow { challenge, ..Follow::go(self.goes_to_workspaces(linked, now)) }
    }

    /// What is next of the request in hand, now that something of it is made.
    fn request_goes_on(&self) -> Option<Command> {
        match &self.turn {
            Turn::Workers { request: Request::Registration(form), .. } => self.registering_goes_on(form),
            Turn::Workers { request: Request::Workspace(asked), .. } => self.workspace_goes_on(asked),
            Turn::Workers { .. } | Turn::Buyer | Turn::Mend { .. } | Turn::Operator { .. } => None,
        }
    }

    fn apply_created(&mut self, workspace: &Workspace, owner: &ConsoleAccount) -> Follow {
        if let Stage::Workspace { workspaces, made, .. } = &mut self.stage {
            workspaces.push(workspace.clone());
            made.workspaces.push(MadeWorkspace { workspace: workspace.clone(), owner: owner.clone() });
        }
        Follow::go(bind(workspace))
    }

    fn apply_bound(
        &mut self,
        command: &Command,
        told: i64,
        purchase: Option<&Purchase>,
        now: OffsetDateTime,
    ) -> Follow {
        let (Command::BindWorkspace(asked), Stage::Workspace { account, workspaces, made }) = (command, &self.stage)
        else {
            return Follow::default();
        };
        let made = made.workspaces.iter().find(|made| made.workspace.id == asked.workspace_id);
        let binding = Binding {
            workspace_id: asked.workspace_id.clone(),
            workspace_name: asked.workspace_name.clone(),
            site: asked.site.clone(),
            bound_at: now,
            told,
            owner: made.map(|made| made.owner.clone()),
        };
        let challenge = self.spent_proof();
        self.stage = Stage::Confirmation { account: account.clone(), workspaces: workspaces.clone(), binding };
        self.turn = Turn::Buyer;
        let next = self.report_after_binding(purchase);
        Follow { challenge, next, erase_password: true, ..Follow::default() }
    }

    /// A cancelled activation's command has ended. A binding that was attempted is tried until it is known whether it was
    /// made; then it is told, or taken back. Everything else ends here.
    fn apply_after_the_end(&self, command: &Command, outcome: &Outcome) -> Follow {
        let ends = Follow { ends: true, erase_password: true, ..Follow::default() };
        match (command, outcome) {
            (Command::UnbindWorkspace(_), _) | (Command::BindWorkspace(_), Outcome::Later(_) | Outcome::Retry(_)) => {
                Follow::default()
            }
            (Command::BindWorkspace(asked), Outcome::Happened(_) | Outcome::Dead(_)) => {
                let next = match self.cancelled {
                    Some(Cancellation::InstanceReleased) => Command::Release(Report {}),
                    Some(Cancellation::CancelledByOperator) | None => {
                        Command::UnbindWorkspace(UnbindWorkspace { workspace_id: asked.workspace_id.clone() })
                    }
                };
                Follow { next: Some(next), ..ends }
            }
            _ => ends,
        }
    }

    /// A command that this version cannot read has failed: the activation shows it, like any other failure.
    pub fn apply_unreadable(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Dead(fault) => {
                self.turn = Turn::Operator { request: self.request(), proof: self.proof(), fault: fault.clone() };
            }
            Outcome::Later(_) | Outcome::Retry(_) => {
                if let Turn::Workers { retrying, .. } = &mut self.turn {
                    *retrying = true;
                }
            }
            Outcome::Happened(_) | Outcome::Refused(_) | Outcome::Over => {}
        }
    }

    fn spent_proof(&self) -> Option<ChallengeChange> {
        self.proof().map(|id| ChallengeChange { id, status: "spent", looked_up: None })
    }

    fn request(&self) -> Request {
        match &self.turn {
            Turn::Workers { request, .. } | Turn::Operator { request, .. } | Turn::Mend { request, .. } => {
                request.clone()
            }
            Turn::Buyer => Request::Entry,
        }
    }

    fn proof(&self) -> Option<Uuid> {
        match self.turn {
            Turn::Workers { proof, .. } | Turn::Operator { proof, .. } | Turn::Mend { proof, .. } => proof,
            Turn::Buyer => None,
        }
    }
}

//! Random ways through the state machine, each with a ledger and an outside world of a few lines beside it: whatever comes in
//! between, an activation never stands still with nothing in hand, and the Billing Center learns of every end.

use proptest::prelude::*;

use super::samples::{begun, call, linked, notices, purchase, workspace};
use super::*;
use crate::buyer::AccountId;
use crate::command::{BindWorkspace, Report};
use crate::purchase::Purchase;
use crate::refusal::{Fault, FaultCode};

/// What can happen next; each number chooses among what is possible then.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The buyer makes a call.
    Calls(usize),
    /// A worker carries the command in hand of a lane, and it ends in one of its ways.
    Ends(Lane, usize),
    /// The marketplace says something.
    Says(usize),
    /// A code was asked for.
    AsksForCode,
    /// *Login Directly* to it.
    LogsIn,
    /// An operator cancels.
    Cancels,
    /// An operator has a dead command tried again.
    Retries,
}

/// A command in hand, as its row tells.
#[derive(Debug, Clone)]
struct Row {
    command: Command,
    /// It has ended an attempt and waits for the next one: it is not with a worker now.
    waits: bool,
    dead: bool,
    /// It was tried before: it may have been done, whatever was heard of it.
    attempted: bool,
}

/// The rows of one activation, and what became of it outside.
#[derive(Debug)]
struct World {
    activation: Activation,
    journey: Option<Row>,
    mail: Option<Row>,
    lifecycle: Option<Row>,
    purchase: Purchase,
    holds: bool,
    /// Outside: what is bound, and how the Billing Center knows its state.
    bound: Option<PurchaseState>,
}

impl World {
    fn new(started_by: StartedBy) -> Self {
        let row =
            Row { command: Command::VerifyPurchase(VerifyPurchase {}), waits: false, dead: false, attempted: false };
        Self {
            activation: begun(started_by),
            journey: Some(row),
            mail: None,
            lifecycle: None,
            purchase: purchase(PurchaseState::Active, 1),
            holds: false,
            bound: None,
        }
    }

    fn lane(&mut self, lane: Lane) -> &mut Option<Row> {
        match lane {
            Lane::Journey => &mut self.journey,
            Lane::Mail => &mut self.mail,
            Lane::Lifecycle => &mut self.lifecycle,
        }
    }

    /// Inserts a command, as the table does: one at a time in each lane.
    fn queue(&mut self, command: Command) {
        let lane = command.lane();
        if lane == Lane::Lifecycle {
            // A dead report stands in nobody's way.
            self.lifecycle.take_if(|row| row.dead);
        }
        let free = self.lane(lane).is_none();
        assert!(free || lane == Lane::Lifecycle, "{} was queued beside {:?}", command.name(), self.lane(lane));
        if free {
            *self.lane(lane) = Some(Row { command, waits: false, dead: false, attempted: false });
        }
    }

    fn happens(&mut self, event: Event) {
        let before = self.activation.clone();
        match event {
            Event::Calls(which) => {
                let calls: Vec<_> = CALLS.into_iter().flat_map(call).collect();
                let (_, ask) = &calls[which % calls.len()];
                if let Ok(Some(command)) = ask(&mut self.activation) {
                    self.queue(command);
                }
            }
            Event::Ends(lane, how) => self.ends(lane, how),
            Event::Says(which) => {
                let notice = notices()[which % 5].clone();
                if notice.clone().take_effect(&mut self.purchase) && before.cancelled.is_none() {
                    let queued = self.activation.marketplace_said(&notice, &self.purchase, self.holds);
                    self.written(queued.map(|queued| queued.command));
                }
            }
            Event::AsksForCode => {
                let asks = matches!(self.activation.stage, Stage::BillingAccount { .. } | Stage::Workspace { .. });
                if asks && self.activation.cancelled.is_none() {
                    self.mail = None;
                    let part = CodePart::LookUp;
                    self.queue(Command::SendVerificationCode(SendVerificationCode { challenge_id: Uuid::nil(), part }));
                }
            }
            Event::LogsIn => {
                let queued = self.activation.logged_in_directly(now());
                self.written(queued.map(|queued| queued.command));
            }
            Event::Cancels => {
                let queued = self.activation.cancelled_by_operator().unwrap_or_default();
                self.written(queued.map(|queued| queued.command));
            }
            Event::Retries => {
                if let Some(row) = self.journey.as_mut().filter(|row| row.dead) {
                    (row.dead, row.waits) = (false, false);
                    self.activation.retried_by_operator();
                }
            }
        }
        only_forward(&before, &self.activation, &format!("{event:?}"));
        self.is_sound();
    }

    /// What a transaction does beside the activation: of a cancelled one everything ends that waits or is dead, but a binding
    /// that was tried: that comes to its end at once.
    fn written(&mut self, queued: Option<Command>) {
        if self.activation.cancelled.is_some() {
            self.holds = false;
            for lane in [Lane::Journey, Lane::Mail] {
                let row = self.lane(lane);
                match row {
                    Some(Row { command: Command::BindWorkspace(_), waits, dead, .. }) if *waits || *dead => {
                        (*waits, *dead) = (false, false);
                    }
                    Some(Row { command: Command::UnbindWorkspace(_), .. }) | None => {}
                    Some(Row { waits, dead, .. }) if *waits || *dead => *row = None,
                    Some(_) => {}
                }
            }
        }
        if let Some(command) = queued {
            self.queue(command);
        }
    }

    fn ends(&mut self, lane: Lane, how: usize) {
        let Some(row) = self.lane(lane).clone().filter(|row| !row.dead) else { return };
        let outcome = self.outcome(&row, how);
        let was_over = self.activation.cancelled.is_some();
        let follow = self.activation.apply(&row.command, &outcome, Some(&self.purchase), now());
        begins_nothing_but_the_end(&self.activation, follow.next.as_ref(), row.command.name());
        self.holds |= follow.hold;
        let ended = matches!(outcome, Outcome::Happened(_) | Outcome::Refused(_)) || follow.ends;
        let dead = matches!(outcome, Outcome::Dead(_)) && !ended;
        *self.lane(lane) = (!ended).then_some(Row { waits: true, dead, attempted: true, ..row });
        let queued = follow.next;
        if self.activation.cancelled.is_some() && !was_over {
            self.written(None);
        }
        if let Some(command) = queued {
            self.queue(command);
        }
    }

    /// One of the ways in which a command can end now; and what it does outside, whether or not the answer arrives.
    fn outcome(&mut self, Row { command, attempted, .. }: &Row, how: usize) -> Outcome {
        let fault = || Fault::new(FaultCode::PlatformUnavailable, "away");
        if self.activation.is_over_for(command, *attempted) {
            return Outcome::Over;
        }
        // 1: the call never arrived. 0: it was done, and the answer lost.
        if how % 8 != 1 {
            self.effect(command);
        }
        match how % 8 {
            0 | 1 => Outcome::Retry(fault()),
            2 => Outcome::Dead(fault()),
            3 if matches!(command, Command::UnbindWorkspace(_)) => Outcome::Later(fault()),
            3 if command.lane() == Lane::Journey => self.refused(command),
            // The code was over before its mail could be sent.
            3 if command.lane() == Lane::Mail => Outcome::Over,
            _ => Outcome::Happened(self.happened(command, how)),
        }
    }

    fn refused(&mut self, command: &Command) -> Outcome {
        if matches!(command, Command::BindWorkspace(_)) {
            // An answer: nothing is bound.
            self.bound = None;
        }
        Outcome::Refused(RefusalCode::WorkspaceNameTaken.into())
    }

    fn effect(&mut self, command: &Command) {
        match command {
            Command::BindWorkspace(_) => self.bound = Some(PurchaseState::Active),
            Command::UnbindWorkspace(_) => self.bound = None,
            _ if command.lane() == Lane::Lifecycle => {
                self.bound = self.bound.map(|_| self.purchase.state);
            }
            _ => {}
        }
    }

    fn happened(&self, command: &Command, how: usize) -> Happened {
        let odd = (how / 8) % 2 == 1;
        match command {
            Command::VerifyPurchase(_) if odd && self.purchase.state == PurchaseState::Released => {
                Happened::PurchaseEnded
            }
            Command::VerifyPurchase(_) => Happened::PurchaseVerified {
                account_id: AccountId::parse("19").unwrap(),
                purchased: self.purchase.sold.clone(),
            },
            Command::FindBillingAccount(_) => Happened::LinkFound(odd.then(linked)),
            Command::SendVerificationCode(SendVerificationCode { part: CodePart::LookUp, .. }) => {
                Happened::AccountLookedUp(
                    odd.then(|| LookedUp { account: linked(), email: "ann@bills.example".into() }),
                )
            }
            Command::SendVerificationCode(_) => Happened::CodeSent,
            Command::RegisterBuyer(_) => Happened::BuyerRegistered(samples::console_account()),
            Command::OpenBillingAccount(_) => Happened::BillingAccountOpened(linked().id),
            Command::BindBillingAccount(_) => Happened::BillingAccountBound,
            Command::ListWorkspaces(_) => Happened::WorkspacesListed(vec![workspace("w-1"), workspace("w-2")]),
            Command::CreateWorkspace(_) => Happened::WorkspaceCreated(workspace("w-3"), samples::console_account()),
            Command::BindWorkspace(_) => Happened::WorkspaceBound { told: self.purchase.version },
            Command::UnbindWorkspace(_) => Happened::WorkspaceUnbound,
            Command::Renew(Report {})
            | Command::Upgrade(Report {})
            | Command::Suspend(Report {})
            | Command::Resume(Report {})
            | Command::Release(Report {}) => Happened::Reported { told: self.purchase.version },
        }
    }

    /// The state and the rows agree: nobody waits for workers who have nothing in hand.
    fn is_sound(&self) {
        let alive = self.journey.as_ref().is_some_and(|row| !row.dead);
        let dead = self.journey.as_ref().is_some_and(|row| row.dead);
        match self.activation.status() {
            Status::Running | Status::Retrying => assert!(alive, "workers have nothing in hand: {self:#?}"),
            Status::WaitingForBuyer | Status::Succeeded => {
                assert!(!alive && !dead, "the buyer's turn, and yet: {self:#?}");
            }
            Status::NeedsAttention => assert!(dead, "there is nothing to attend to: {self:#?}"),
            Status::Cancelled => assert!(!self.holds, "a cancelled activation holds its instance: {self:#?}"),
        }
    }

    /// Nothing more goes wrong: whatever is in hand comes to its end, in time.
    fn everything_ends(&mut self) {
        for _ in 0..20 {
            for lane in [Lane::Journey, Lane::Mail, Lane::Lifecycle] {
                self.happens(Event::Ends(lane, 4));
            }
        }
        let in_hand = [&self.journey, &self.mail, &self.lifecycle].map(|row| row.as_ref().filter(|row| !row.dead));
        assert!(in_hand.iter().all(Option::is_none), "it never ends: {self:#?}");
    }

    /// Of an activation that is over the Billing Center was told, or the binding is undone; else it knows how the purchase
    /// stands, unless telling it has died.
    fn the_billing_center_knows(&self) {
        let Some(known) = self.bound else { return };
        let telling_died =
            self.lifecycle.as_ref().is_some_and(|row| row.dead) || self.journey.as_ref().is_some_and(|row| row.dead);
        match self.activation.cancelled {
            _ if telling_died => {}
            Some(Cancellation::InstanceReleased) => assert_eq!(known, PurchaseState::Released, "{self:#?}"),
            Some(Cancellation::CancelledByOperator) => panic!("the binding was not undone: {self:#?}"),
            None if self.activation.binding().is_some() => assert_eq!(known, self.purchase.state, "{self:#?}"),
            // Tried, and not known to be bound yet: the buyer or an operator has it tried again.
            None => {}
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..9_usize).prop_map(Event::Calls),
        8 => (0..16_usize).prop_map(|how| Event::Ends(Lane::Journey, how)),
        2 => (0..16_usize).prop_map(|how| Event::Ends(Lane::Mail, how)),
        2 => (0..16_usize).prop_map(|how| Event::Ends(Lane::Lifecycle, how)),
        1 => (0..5_usize).prop_map(Event::Says),
        1 => Just(Event::AsksForCode),
        1 => Just(Event::LogsIn),
        1 => Just(Event::Retries),
    ]
}

/// Ends are rare: most of a way lies before them.
fn way() -> impl Strategy<Value = Vec<Event>> {
    let end = prop_oneof![Just(Event::Cancels), Just(Event::Says(4)), Just(Event::LogsIn)];
    let after = proptest::collection::vec(event(), 0..12);
    (proptest::collection::vec(event(), 0..40), end, after).prop_map(|(mut way, end, after)| {
        way.push(end);
        way.extend(after);
        way
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_between_nothing_stands_still_and_every_end_is_told(login in any::<bool>(), way in way()) {
        let mut world = World::new(if login { StartedBy::Login } else { StartedBy::Typed });
        for event in way {
            world.happens(event);
        }
        world.everything_ends();
        world.the_billing_center_knows();
    }
}

#[test]
fn a_binding_that_was_made_unheard_is_told_of_the_release() {
    let mut world = World::new(StartedBy::Login);
    let ways = [4, 4];
    for how in ways {
        world.happens(Event::Ends(Lane::Journey, how));
    }
    world.activation.stage = Stage::Workspace {
        account: BoundAccount { id: linked().id, username: "ann".into(), bound_at: now() },
        workspaces: vec![workspace("w-1")],
        made: Made::default(),
    };
    let queued = world.activation.choose_workspace(AskedWorkspace::Bind(workspace("w-1").id), None).unwrap();
    assert!(matches!(queued.command, Command::BindWorkspace(BindWorkspace { .. })));
    world.queue(queued.command);
    // Done outside, and the answer was lost.
    world.happens(Event::Ends(Lane::Journey, 0));
    world.happens(Event::Says(4));
    world.everything_ends();
    assert_eq!(world.bound, Some(PurchaseState::Released));
}

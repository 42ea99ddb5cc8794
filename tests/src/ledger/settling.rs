//! How the ledger's workers settle: in batches, applied again where a row had changed, refused where an instance was lost.

use landfall_shared::activation::{ConsoleAccount, Happened, Outcome, Workspace};
use landfall_shared::buyer::{Email, SiteId};
use landfall_shared::command::{Command, Lane};
use landfall_shared::platform::PlatformId;
use landfall_shared::purchase::PurchaseState;
use landfall_shared::refusal::{Fault, FaultCode, RefusalCode};
use landfall_shared::store::commands::{self, Loaded};
use landfall_shared::store::settle::{Settled, Settlement, settle};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Change, Done, Held, LONG, said};

/// What became of one outcome.
#[derive(Default)]
pub(super) struct Note {
    pub(super) written: Option<Change>,
    pub(super) next: Option<Uuid>,
    pub(super) counted: Vec<(&'static str, usize)>,
}

/// Settles a batch as workers do.
pub(super) async fn settle_batch(pool: &PgPool, batch: Vec<(Held, Outcome)>) -> Done<Vec<Note>> {
    let mut notes = Vec::new();
    let mut left = batch;
    for _ in 0..4 {
        if left.is_empty() {
            break;
        }
        let settlements: Vec<Settlement> = left.iter().map(|(held, outcome)| settlement(held, outcome)).collect();
        let whole: Vec<&Settlement> = settlements.iter().collect();
        let settled = settle(pool, &whole, LONG).await.map_err(said)?;
        let mut again = Vec::new();
        for (((held, outcome), settlement), settled) in left.into_iter().zip(settlements).zip(settled) {
            let mut note = Note::default();
            match settled {
                Settled::Written { version, next } => {
                    note.next = next.map(|next| next.id);
                    note.counted.push(("written", 1));
                    note.counted.push(("dead", usize::from(matches!(outcome, Outcome::Dead(_)))));
                    let (from, to) = (held.loaded.activation, settlement.activation);
                    note.written = (!settlement.follow.hidden).then_some(Change { version, from, to, queued: None });
                }
                Settled::HeldByAnother => {
                    note.counted.push(("held by another", 1));
                    again.push((held, Outcome::Refused(RefusalCode::AlreadyStarted.into())));
                }
                Settled::Changed => {
                    note.counted.push(("changed", 1));
                    let now = commands::load(pool, &[held.loaded.id]).await.map_err(said)?.pop();
                    if let Some(loaded) = now.filter(|now| now.fence == held.loaded.fence) {
                        again.push((Held { loaded, ..held }, outcome));
                    }
                }
            }
            notes.push(note);
        }
        left = again;
    }
    Ok(notes)
}

fn settlement(held: &Held, outcome: &Outcome) -> Settlement {
    let loaded = &held.loaded;
    let command = Command::from_row(&loaded.name, &loaded.input).expect("a command that we wrote");
    let mut activation = loaded.activation.clone();
    let follow = activation.apply(&command, outcome, loaded.purchase.as_ref(), loaded.now);
    Settlement {
        command_id: loaded.id,
        fence: loaded.fence,
        version: loaded.version,
        outcome: outcome.clone(),
        claimed: held.claimed,
        counts: !matches!(outcome, Outcome::Later(_)),
        pause: LONG,
        activation,
        follow,
    }
}

/// How an attempt ends: mostly well. Nothing is begun any more for a cancelled activation.
pub(super) fn outcome_of(loaded: &Loaded, wish: u8) -> Outcome {
    let command = Command::from_row(&loaded.name, &loaded.input).expect("a command that we wrote");
    let runs_after_the_end = match &command {
        Command::BindWorkspace(_) => loaded.fence > 0,
        Command::UnbindWorkspace(_) => true,
        _ => command.lane() != Lane::Journey,
    };
    let over = loaded.activation.cancelled.is_some() && !runs_after_the_end;
    let fault = |code| Fault::new(code, "a test");
    match wish {
        _ if over => Outcome::Over,
        8 => Outcome::Retry(fault(FaultCode::PlatformUnavailable)),
        9 => Outcome::Later(fault(FaultCode::NotYet)),
        10 if command.lane() == Lane::Journey && !matches!(command, Command::UnbindWorkspace(_)) => {
            Outcome::Refused(RefusalCode::RefusedByVendor.into())
        }
        11 => Outcome::Dead(fault(FaultCode::PlatformRefused)),
        _ => Outcome::Happened(happened(&command, loaded)),
    }
}

fn happened(command: &Command, loaded: &Loaded) -> Happened {
    let purchase = loaded.purchase.as_ref().expect("it was announced");
    let lab = |id: &str| Workspace {
        id: PlatformId::try_from(id.to_owned()).unwrap(),
        name: "Lab".into(),
        site: "cn".into(),
        language: None,
        bindable: true,
        reason: None,
    };
    match command {
        Command::VerifyPurchase(_) if purchase.state == PurchaseState::Released => Happened::PurchaseEnded,
        Command::VerifyPurchase(_) => {
            Happened::PurchaseVerified { account_id: purchase.account_id.clone(), purchased: purchase.sold.clone() }
        }
        Command::FindBillingAccount(_) => Happened::LinkFound(None),
        Command::BindBillingAccount(_) => Happened::BillingAccountBound,
        Command::ListWorkspaces(_) => Happened::WorkspacesListed(vec![lab("w-1")]),
        Command::CreateWorkspace(_) => {
            let owner = ConsoleAccount {
                id: lab("c-1").id,
                username: "ann".into(),
                email: Email::parse("ann@example.com").unwrap(),
                site: SiteId::parse("cn").unwrap(),
                found: false,
            };
            Happened::WorkspaceCreated(lab("w-2"), owner)
        }
        Command::BindWorkspace(_) => Happened::WorkspaceBound { told: purchase.version },
        Command::UnbindWorkspace(_) => Happened::WorkspaceUnbound,
        Command::Renew(_) | Command::Upgrade(_) | Command::Suspend(_) | Command::Resume(_) | Command::Release(_) => {
            Happened::Reported { told: purchase.version }
        }
        Command::SendVerificationCode(_) | Command::RegisterBuyer(_) | Command::OpenBillingAccount(_) => {
            panic!("nobody asks for {} here", command.name())
        }
    }
}

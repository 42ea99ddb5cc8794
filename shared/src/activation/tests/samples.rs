//! One of everything: activations at every stage, in every turn, ended and not; commands; outcomes; calls; notices.

use std::collections::BTreeMap;

use super::*;
use crate::buyer::{AccountId, CompanyName, Email, InstanceId, Language, NewUsername, SiteId, WorkspaceName};
use crate::command::{
    BindBillingAccount, BindWorkspace, CreateWorkspace, FindBillingAccount, ListWorkspaces, OpenBillingAccount, Owner,
    RegisterBuyer, Report, Sold, UnbindWorkspace, VerifyPurchase,
};
use crate::platform::PlatformId;
use crate::purchase::{Purchase, Purchased};
use crate::refusal::{Fault, FaultCode, Refusal};

fn platform_id(text: &str) -> PlatformId {
    PlatformId::try_from(text.to_owned()).unwrap()
}

fn site() -> SiteId {
    SiteId::parse("cn").unwrap()
}

pub fn workspace(id: &str) -> Workspace {
    let (name, site) = (format!("Lab {id}"), "cn".to_owned());
    Workspace { id: platform_id(id), name, site, language: Some("en".into()), bindable: true, reason: None }
}

pub fn new_workspace() -> NewWorkspace {
    NewWorkspace {
        name: WorkspaceName::parse("Lab").unwrap(),
        language: Language::En,
        site: site(),
        terms_accepted_at: now(),
    }
}

pub fn new_account() -> NewAccount {
    NewAccount {
        username: NewUsername::parse("ann.lee").unwrap(),
        email: Email::parse("ann@example.com").unwrap(),
        phone: None,
        has_password: true,
    }
}

pub fn registration() -> Registration {
    let company = Company { name: CompanyName::parse("Acme").unwrap(), country: None, industry: None };
    Registration { account: new_account(), company, workspace: new_workspace() }
}

pub fn console_account() -> ConsoleAccount {
    ConsoleAccount {
        id: platform_id("ca-1"),
        username: "ann.lee".into(),
        email: Email::parse("ann@example.com").unwrap(),
        site: site(),
        found: false,
    }
}

pub fn linked() -> LinkedAccount {
    LinkedAccount { id: platform_id("ba-1"), username: "ann".into() }
}

pub fn sold() -> Purchased {
    let (order_id, sku_id) = (Some("1".to_owned()), Some("yuncode1".to_owned()));
    Purchased { order_id, product_code: Some("cmgj1".into()), sku_id, trial: Some(false), expires_at: None }
}

pub fn purchase(state: PurchaseState, version: i64) -> Purchase {
    Purchase {
        marketplace: MarketplaceName::Alibaba,
        instance_id: InstanceId::parse("400012345").unwrap(),
        account_id: AccountId::parse("19").unwrap(),
        sold: sold(),
        items: BTreeMap::new(),
        state,
        version,
        announced: true,
    }
}

/// A new activation, with nothing known yet.
pub fn begun(started_by: StartedBy) -> Activation {
    let id = Uuid::from_u128(7);
    Activation::begin(id, MarketplaceName::Alibaba, InstanceId::parse("400012345").unwrap(), None, started_by).0
}

fn stages() -> Vec<Stage> {
    let account = || BoundAccount { id: platform_id("ba-1"), username: "ann".into(), bound_at: now() };
    let some_made = Made {
        console_accounts: vec![console_account()],
        billing_account: Some(linked()),
        workspaces: vec![MadeWorkspace { workspace: workspace("w-2"), owner: console_account() }],
    };
    let binding = |told| Binding {
        workspace_id: platform_id("w-1"),
        workspace_name: "Lab".into(),
        site: "cn".into(),
        bound_at: now(),
        told,
        owner: None,
    };
    let mut stages = vec![Stage::Purchase];
    for made in [Made::default(), some_made] {
        for linked in [None, Some(linked())] {
            stages.push(Stage::BillingAccount { linked, made: made.clone() });
        }
        for workspaces in [vec![], vec![workspace("w-1"), workspace("w-2")]] {
            stages.push(Stage::Workspace { account: account(), workspaces, made: made.clone() });
        }
    }
    stages.push(Stage::Confirmation { account: account(), workspaces: vec![workspace("w-1")], binding: binding(0) });
    stages.push(Stage::Active { account: account(), workspaces: vec![workspace("w-1")], binding: binding(2) });
    stages
}

fn requests() -> Vec<Request> {
    let asked = |asked| Request::Workspace(Box::new(asked));
    vec![
        Request::Entry,
        Request::Registration(Box::new(registration())),
        Request::BillingAccount,
        Request::Refresh(Box::new(Turn::Buyer)),
        asked(AskedWorkspace::Bind(platform_id("w-1"))),
        asked(AskedWorkspace::CreateForOwner(new_workspace(), Email::parse("ann@example.com").unwrap())),
        asked(AskedWorkspace::CreateWithOwner(new_workspace(), new_account())),
    ]
}

fn turns() -> Vec<Turn> {
    let mut turns = vec![Turn::Buyer];
    for request in requests() {
        for (retrying, proof) in [(false, None), (true, Some(Uuid::nil()))] {
            turns.push(Turn::Workers { request: request.clone(), retrying, proof });
        }
        turns.push(Turn::Mend {
            request: request.clone(),
            refusal: RefusalCode::WorkspaceNameTaken.into(),
            proof: None,
        });
        turns.push(Turn::Operator { request, proof: Some(Uuid::nil()), fault: fault() });
    }
    turns
}

fn fault() -> Fault {
    Fault::new(FaultCode::PlatformRefused, "no")
}

pub fn all_activations() -> Vec<Activation> {
    let mut all = Vec::new();
    for stage in stages() {
        for turn in turns() {
            for cancelled in [None, Some(Cancellation::InstanceReleased), Some(Cancellation::CancelledByOperator)] {
                for started_by in [StartedBy::Login, StartedBy::Typed, StartedBy::Platform] {
                    let begun = begun(started_by);
                    all.push(Activation { stage: stage.clone(), turn: turn.clone(), cancelled, ..begun });
                }
            }
        }
    }
    all
}

pub fn all_commands() -> Vec<Command> {
    let account = new_account();
    let code = |part| Command::SendVerificationCode(SendVerificationCode { challenge_id: Uuid::nil(), part });
    let create = |owner| {
        Command::CreateWorkspace(CreateWorkspace {
            workspace: new_workspace(),
            owner,
            sold: Sold { product_code: None, sku_id: None, trial: None },
        })
    };
    vec![
        Command::VerifyPurchase(VerifyPurchase {}),
        Command::FindBillingAccount(FindBillingAccount {}),
        code(CodePart::LookUp),
        code(CodePart::Mail),
        code(CodePart::HiddenMail),
        Command::RegisterBuyer(RegisterBuyer {
            account: account.clone(),
            site: site(),
            terms_accepted_at: now(),
            at_billing_center_too: true,
        }),
        Command::OpenBillingAccount(OpenBillingAccount {
            account,
            company: registration().company,
            terms_accepted_at: now(),
        }),
        Command::BindBillingAccount(BindBillingAccount { billing_account_id: linked().id, username: "ann".into() }),
        Command::ListWorkspaces(ListWorkspaces {}),
        create(Owner::Account(console_account())),
        create(Owner::Address(Email::parse("ann@example.com").unwrap())),
        bind_workspace(),
        Command::UnbindWorkspace(UnbindWorkspace { workspace_id: platform_id("w-1") }),
        Command::Renew(Report {}),
        Command::Upgrade(Report {}),
        Command::Suspend(Report {}),
        Command::Resume(Report {}),
        Command::Release(Report {}),
    ]
}

pub fn bind_workspace() -> Command {
    Command::BindWorkspace(BindWorkspace {
        workspace_id: platform_id("w-1"),
        workspace_name: "Lab".into(),
        site: "cn".into(),
    })
}

pub fn all_outcomes() -> Vec<Outcome> {
    let account_id = AccountId::parse("19").unwrap();
    let looked_up = LookedUp { account: linked(), email: "ann@bills.example".into() };
    let happened = [
        Happened::PurchaseVerified { account_id, purchased: sold() },
        Happened::PurchaseEnded,
        Happened::LinkFound(None),
        Happened::LinkFound(Some(linked())),
        Happened::AccountLookedUp(None),
        Happened::AccountLookedUp(Some(looked_up)),
        Happened::CodeSent,
        Happened::BuyerRegistered(console_account()),
        Happened::BillingAccountOpened(platform_id("ba-1")),
        Happened::BillingAccountBound,
        Happened::WorkspacesListed(vec![]),
        Happened::WorkspacesListed(vec![workspace("w-1"), workspace("w-2")]),
        Happened::WorkspaceCreated(workspace("w-3"), console_account()),
        Happened::WorkspaceBound { told: 1 },
        Happened::WorkspaceUnbound,
        Happened::Reported { told: 3 },
    ];
    let mut all: Vec<Outcome> = happened.into_iter().map(Outcome::Happened).collect();
    all.extend([Outcome::Later(fault()), Outcome::Retry(fault()), Outcome::Dead(fault()), Outcome::Refused(refusal())]);
    all
}

fn refusal() -> Refusal {
    RefusalCode::WorkspaceNameTaken.into()
}

pub fn notices() -> [Notice; 5] {
    let items = BTreeMap::new;
    [
        Notice::Renewed { order_id: "2".into(), expires_at: None, items: items() },
        Notice::Upgraded { order_id: None, sku_id: "yuncode2".into(), items: items() },
        Notice::Suspended,
        Notice::Resumed,
        Notice::Released,
    ]
}

/// The forms of a call, each with its name: what they queue, or why they cannot.
type Asking = Box<dyn Fn(&mut Activation) -> Result<Option<Command>, CannotNow>>;

pub fn call(call: Call) -> Vec<(&'static str, Asking)> {
    let proof = Uuid::from_u128(5);
    let email = || Email::parse("ann@example.com").unwrap();
    let choose = |asked: AskedWorkspace, proof: Option<Uuid>| -> Asking {
        Box::new(move |it| it.choose_workspace(asked.clone(), proof).map(|queued| Some(queued.command)))
    };
    match call {
        Call::Registration => vec![(
            "registration",
            Box::new(move |it| it.register(registration(), proof).map(|queued| Some(queued.command))),
        )],
        Call::BillingAccount => vec![(
            "billing account",
            Box::new(move |it| it.bind_billing_account(linked(), proof).map(|queued| Some(queued.command))),
        )],
        Call::Refresh => {
            vec![("refresh", Box::new(|it| it.refresh_workspaces().map(|queued| Some(queued.command))))]
        }
        Call::Workspace => vec![
            ("bind a listed workspace", choose(AskedWorkspace::Bind(platform_id("w-1")), None)),
            ("bind an unlisted workspace", choose(AskedWorkspace::Bind(platform_id("w-9")), None)),
            ("create", choose(AskedWorkspace::CreateForOwner(new_workspace(), email()), Some(proof))),
            ("create with owner", choose(AskedWorkspace::CreateWithOwner(new_workspace(), new_account()), Some(proof))),
        ],
        Call::Confirmation => vec![("confirm", Box::new(|it| it.confirm().map(|()| None)))],
    }
}

//! No Billing Center account: basic information, company, activation method, and *Activate*.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::{Call, Company, NewAccount, NewWorkspace, PasswordFor, Registration};
use landfall_shared::buyer::{
    CompanyName, Country, Email, Industry, Invalid, Language, NewUsername, Password, Phone, WorkspaceName,
};
use serde::Deserialize;

use crate::app::App;
use crate::asked::Asked;
use crate::fields::Fields;
use crate::object::Object;
use crate::problem::Problem;
use crate::verification::proof::{self, Shown};
use crate::verification::{Purpose, Target};
use crate::writing::{Begun, Shows, Writing};

/// What the buyer fills in.
#[derive(Deserialize)]
pub struct Body {
    username: Option<String>,
    email: Option<String>,
    code: Option<String>,
    password: Option<String>,
    phone: Option<String>,
    company: Option<Object<CompanyBody>>,
    workspace: Option<Object<WorkspaceBody>>,
    terms_accepted: Option<bool>,
}

/// Part two.
#[derive(Deserialize, Default)]
pub struct CompanyBody {
    name: Option<String>,
    country: Option<String>,
    industry: Option<String>,
}

/// Part three.
#[derive(Deserialize, Default)]
pub struct WorkspaceBody {
    name: Option<String>,
    language: Option<String>,
    site: Option<String>,
}

/// A form without faults.
struct Filled {
    form: Registration,
    password: Option<Password>,
    shown: Shown,
}

/// `POST /v1/activations/{id}/registration`.
///
/// # Errors
/// The problems of contract §3.
pub async fn register(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let body: Body = asked.json()?;
    match Writing::begin(&app, &asked, &id, Shows::Activation).await? {
        Begun::Answered(response) => Ok(*response),
        Begun::Open(mut writing) => {
            let done = register_proven(&mut writing, body).await;
            writing.finish(done).await
        }
    }
}

async fn register_proven(writing: &mut Writing, body: Body) -> Result<StatusCode, Problem> {
    writing.may(Call::Registration).await?;
    let Filled { form, password, shown } = filled(writing, body).await?;
    let target = Target::Email(form.account.email.clone());
    let proof = shown.prove(writing, Purpose::Registration, &target).await?;
    let queued = writing.activation.register(form, proof.challenge_id)?;
    writing.seal(&queued, password.as_ref()).await?;
    writing.queue(queued).await?;
    writing.changed();
    Ok(StatusCode::ACCEPTED)
}

async fn filled(writing: &mut Writing, body: Body) -> Result<Filled, Problem> {
    let Object(company) = body.company.unwrap_or_default();
    let Object(workspace) = body.workspace.unwrap_or_default();
    let mut fields = Fields::default();
    let username = fields.required("username", body.username.as_deref(), NewUsername::parse);
    let email = fields.required("email", body.email.as_deref(), Email::parse);
    let target = email.clone().map(Target::Email);
    let whose = (Purpose::Registration, target.as_ref());
    let shown = proof::shown(writing, &mut fields, "code", body.code.as_deref(), whose).await?;
    let password = fields.secret("password", body.password.as_deref(), Password::parse);
    let phone = fields.optional("phone", body.phone.as_deref(), Phone::parse);
    let company_name = fields.required("company.name", company.name.as_deref(), CompanyName::parse);
    let country = fields.optional("company.country", company.country.as_deref(), Country::parse);
    let industry = fields.optional("company.industry", company.industry.as_deref(), Industry::parse);
    let name = fields.required("workspace.name", workspace.name.as_deref(), WorkspaceName::parse);
    let language = fields.required("workspace.language", workspace.language.as_deref(), Language::parse);
    let site = fields.required("workspace.site", workspace.site.as_deref(), |text| {
        writing.app.config.site(text).map(|site| site.id.clone())
    });
    fields.accepted("terms_accepted", body.terms_accepted);
    let needs = site.as_ref().map(|site| writing.activation.registration_needs_password(site));
    // One that nobody needs any more is dropped here: it would only wait to be erased.
    let password = password.filter(|_| needs != Some(PasswordFor::Nobody));
    if needs == Some(PasswordFor::BillingCenter) && body.password.as_deref().unwrap_or_default().is_empty() {
        fields.wrong("password", Invalid::REQUIRED.code, "The Billing Center account needs a password, too.");
    }
    let values = username.zip(email).zip(shown).zip(company_name).zip(name.zip(language).zip(site));
    let ((((username, email), shown), company_name), ((name, language), site)) = fields.done(values)?;
    let form = Registration {
        account: NewAccount { username, email, phone, has_password: password.is_some() },
        company: Company { name: company_name, country, industry },
        workspace: NewWorkspace { name, language, site, terms_accepted_at: writing.now },
    };
    Ok(Filled { form, password, shown })
}

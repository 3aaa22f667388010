//! The API, `/api/v1`: one file a concept, each handler with its OpenAPI beside it.

pub mod accounts;
pub mod as_of;
pub mod campaigns;
pub mod committee;
pub mod controllers;
pub mod events;
pub mod evidence;
pub mod impact;
pub mod inventory;
pub mod ledger;
pub mod materiality;
pub mod models;
pub mod policy;
pub mod privacy;
pub mod promotions;
pub mod reports;
pub mod reviews;
pub mod rollouts;
pub mod routing;
pub mod triggers;
pub mod validation;
pub mod versions;
pub mod waivers;
pub mod webhooks;

use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::App;

/// The OpenAPI document's frame; the paths are collected from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Countersign API",
        description = "Audit and compliance for machine-learning models: registry, evidence, sign-off, ledger.\n\n\
            Writes answer with a receipt that names the ledger entries they became. A write may carry `Idempotency-Key` \
            (an equal request with the same key is answered with the first receipt) and `If-Match` with a version's revision. \
            Errors are `application/problem+json` with a stable `type` a rule."
    ),
    modifiers(&BearerToken),
    security(("token" = []))
)]
pub struct ApiDoc;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API token, issued under People, Tokens."))
            .build();
        openapi.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Every route of the API with its document.
#[expect(clippy::too_many_lines, reason = "a line for each route")]
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(ApiDoc::openapi()).nest(
        "/api/v1",
        OpenApiRouter::new()
            .routes(routes!(models::register, models::list))
            .routes(routes!(models::show))
            .routes(routes!(versions::register, versions::list))
            .routes(routes!(versions::show))
            .routes(routes!(versions::amend_lineage))
            .routes(routes!(versions::manifest))
            .routes(routes!(impact::show))
            .routes(routes!(versions::compare))
            .routes(routes!(versions::archive))
            .routes(routes!(versions::dossier))
            .routes(routes!(evidence::attach))
            .routes(routes!(evidence::download))
            .routes(routes!(promotions::request))
            .routes(routes!(promotions::requirements))
            .routes(routes!(promotions::package))
            .routes(routes!(promotions::withdraw))
            .routes(routes!(promotions::decline))
            .routes(routes!(promotions::sign))
            .routes(routes!(validation::record))
            .routes(routes!(validation::raise))
            .routes(routes!(validation::remediate))
            .routes(routes!(validation::close))
            .routes(routes!(validation::reopen))
            .routes(routes!(materiality::show, materiality::set))
            .routes(routes!(committee::show))
            .routes(routes!(committee::vote))
            .routes(routes!(committee::recuse))
            .routes(routes!(waivers::grant))
            .routes(routes!(waivers::revoke))
            .routes(routes!(inventory::tier))
            .routes(routes!(inventory::amend))
            .routes(routes!(inventory::add_market))
            .routes(routes!(inventory::owner))
            .routes(routes!(inventory::retire))
            .routes(routes!(campaigns::list, campaigns::open))
            .routes(routes!(campaigns::show))
            .routes(routes!(campaigns::attest))
            .routes(routes!(policy::versions))
            .routes(routes!(policy::version))
            .routes(routes!(policy::changes))
            .routes(routes!(policy::check))
            .routes(routes!(triggers::show, triggers::configure))
            .routes(routes!(triggers::observe_drift))
            .routes(routes!(triggers::observe_performance))
            .routes(routes!(triggers::retrain))
            .routes(routes!(triggers::calendar))
            .routes(routes!(triggers::approve))
            .routes(routes!(triggers::maturity))
            .routes(routes!(triggers::portfolio))
            .routes(routes!(webhooks::register, webhooks::list))
            .routes(routes!(webhooks::rotate))
            .routes(routes!(webhooks::remove))
            .routes(routes!(webhooks::deliveries))
            .routes(routes!(webhooks::replay))
            .routes(routes!(rollouts::list))
            .routes(routes!(rollouts::show))
            .routes(routes!(rollouts::observe))
            .routes(routes!(rollouts::hold))
            .routes(routes!(rollouts::resume))
            .routes(routes!(rollouts::approve))
            .routes(routes!(rollouts::roll_back))
            .routes(routes!(rollouts::report_standby))
            .routes(routes!(rollouts::start_drill))
            .routes(routes!(rollouts::finish_drill))
            .routes(routes!(rollouts::kill))
            .routes(routes!(rollouts::kill_model))
            .routes(routes!(rollouts::review_kill))
            .routes(routes!(rollouts::lift_kill))
            .routes(routes!(rollouts::applied))
            .routes(routes!(routing::show))
            .routes(routes!(routing::events))
            .routes(routes!(routing::istio))
            .routes(routes!(controllers::flagger))
            .routes(routes!(controllers::argo))
            .routes(routes!(ledger::entries))
            .routes(routes!(ledger::entry))
            .routes(routes!(ledger::recompute))
            .routes(routes!(ledger::proof))
            .routes(routes!(ledger::proof_file))
            .routes(routes!(ledger::consistency))
            .routes(routes!(ledger::checkpoint))
            .routes(routes!(ledger::verifier_key))
            .routes(routes!(ledger::tile))
            .routes(routes!(ledger::export))
            .routes(routes!(as_of::as_of))
            .routes(routes!(reports::ask, reports::list))
            .routes(routes!(reports::show))
            .routes(routes!(reports::fetch))
            .routes(routes!(events::listen))
            .routes(routes!(accounts::me))
            .routes(routes!(accounts::list, accounts::create))
            .routes(routes!(accounts::change_roles))
            .routes(routes!(accounts::disable))
            .routes(routes!(accounts::enable))
            .routes(routes!(accounts::issue_token))
            .routes(routes!(accounts::revoke_token))
            .routes(routes!(privacy::list))
            .routes(routes!(privacy::show, privacy::draft))
            .routes(routes!(privacy::status))
            .routes(routes!(privacy::advise))
            .routes(routes!(privacy::consult))
            .routes(routes!(privacy::approve))
            .routes(routes!(privacy::reopen))
            .routes(routes!(privacy::export, privacy::import))
            .routes(routes!(privacy::state))
            .routes(routes!(privacy::confirm))
            .routes(routes!(privacy::keeping))
            .routes(routes!(reviews::receive))
            .routes(routes!(reviews::list))
            .routes(routes!(reviews::show))
            .routes(routes!(reviews::assign))
            .routes(routes!(reviews::extend))
            .routes(routes!(reviews::answer))
            .routes(routes!(reviews::hold))
            .routes(routes!(reviews::release))
            .routes(routes!(reviews::erase))
            .routes(routes!(accounts::policy, accounts::adopt_policy)),
    )
}

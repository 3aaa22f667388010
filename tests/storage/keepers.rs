//! An account that keeps safeguards of Art. 22 leaves them behind when it is disabled, on whichever server that happens.

use domain::{
    AggregateId, Command,
    account::Role,
    privacy::{
        command::{ConfirmSafeguards, PrivacyCommand},
        safeguards::{Article22, Basis, Keeper, Safeguard},
    },
};

use crate::{
    common::{Engine, TestServer},
    on_each_engine,
    raw::{another, assert_clean, execute, faults, model, seal},
};

on_each_engine!(safeguards_of_a_disabled_account_wait_for_an_owner);

async fn safeguards_of_a_disabled_account_wait_for_an_owner(engine: Engine) {
    let server = TestServer::start_on(engine).await;
    let app = &server.app;
    let (ana, officer) = (server.account(Role::DataScientist).await, server.account(Role::PrivacyOfficer).await);
    let (administrator, keeper) = (server.account(Role::Administrator).await, server.account(Role::MrmValidator).await);
    let of = |owner: &domain::AccountId, safeguard| {
        (safeguard, Keeper { owner: owner.clone(), channel: "https://bank.example/review".into() })
    };
    for name in ["credit", "loans"] {
        seal(app, &ana, model(name)).await.unwrap();
        let statement = Article22 {
            solely_automated: true,
            significant_effect: true,
            reasons: "A score below the cut-off refuses the loan.".into(),
            basis: Some(Basis::Contract),
            safeguards: [
                of(&keeper, Safeguard::HumanIntervention),
                of(&keeper, Safeguard::OwnView),
                of(if name == "credit" { &ana } else { &keeper }, Safeguard::Contest),
            ]
            .into(),
            special_categories: false,
            special_basis: None,
        };
        let digest = statement.digest();
        let name: domain::ModelName = name.parse().unwrap();
        let state = PrivacyCommand::StateSafeguards(name.clone(), Box::new(statement));
        seal(app, &ana, Command::Privacy(state)).await.unwrap();
        let confirm = PrivacyCommand::ConfirmSafeguards(name, ConfirmSafeguards { statement: digest });
        seal(app, &officer, Command::Privacy(confirm)).await.unwrap();
    }
    // The other server has looked at neither file.
    let other = another(&server).await.unwrap();
    let disable = |disable| Command::DisableAccount(keeper.clone(), disable);
    let receipt = seal(&other, &administrator, disable(true)).await.unwrap();
    let events: Vec<&str> = receipt.entries.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["account.disabled", "safeguards.lapsed", "safeguards.lapsed"]);
    for (name, lost) in [("credit", 2), ("loans", 3)] {
        let file = app.privacy_file(&name.parse().unwrap()).await.unwrap().unwrap();
        let stated = file.safeguards.as_ref().unwrap();
        assert!(stated.confirmed.is_some() && !stated.stands());
        assert_eq!(stated.lapsed[0].safeguards.len(), lost);
        let waiting = format!(
            "UPDATE work_item SET title = title WHERE model = '{name}' AND kind = 'article22' \
             AND slot = 'data_scientist' AND title LIKE 'Nobody owns human intervention%'"
        );
        assert_eq!(execute(app, &waiting, None).await, 1);
    }
    assert_clean(&faults(app).await);
    // A second owner of the same statement is told apart from the first.
    seal(app, &administrator, Command::DisableAccount(ana.clone(), true)).await.unwrap();
    let file = app.privacy_file(&"credit".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(file.safeguards.as_ref().unwrap().lapsed.len(), 2);
    assert_clean(&faults(app).await);
    assert_eq!(AggregateId::Account(keeper.clone()).to_string(), receipt.subject);
    // Enabled and disabled again, what lapsed already lapses no second time.
    seal(app, &administrator, disable(false)).await.unwrap();
    let receipt = seal(app, &administrator, disable(true)).await.unwrap();
    assert_eq!(receipt.entries.len(), 1, "{receipt:?}");
}

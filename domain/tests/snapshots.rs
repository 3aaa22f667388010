//! Whole answers as people and programs read them, each read by a person before it was kept.

mod common;

use common::*;
use domain::{
    Stage,
    account::Role,
    evidence::{EvidencePath, Verdict},
    validation::Severity,
};

#[test]
fn the_requirements_of_a_gate() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let mut partial = lineage(1);
    partial.training.random_seed = None;
    let id = world.register_version("credit", partial);
    world.attach(&id, EvidencePath::Code, None, Verdict::Green);
    world.attach(&id, EvidencePath::Data, None, Verdict::Red);
    world.raise(&vera(), &id, Severity::High);
    insta::assert_json_snapshot!(world.requirements(&id, Stage::Staging, None), @r#"
    [
      {
        "rule": "lineage.complete",
        "topic": "lineage",
        "sentence": "The lineage is complete: code, data, model, features, parameters, run and metrics.",
        "met": false,
        "details": [
          "lineage.training.random_seed: State the random seed."
        ],
        "supplier": "data_scientist"
      },
      {
        "rule": "evidence.code",
        "topic": "evidence",
        "sentence": "Evidence of the code path is green for exactly this git commit.",
        "met": false,
        "details": [
          "The code path lacks lint results (SARIF).",
          "The code path lacks image facts (docker image inspect, or the image's manifest)."
        ],
        "supplier": "data_scientist"
      },
      {
        "rule": "evidence.data",
        "topic": "evidence",
        "sentence": "Evidence of the data path is green for exactly this data version.",
        "met": false,
        "details": [
          "Evidence 2 (data.json) failed: 1 of 2 thresholds met.",
          "The data path lacks feature drift (raw columns or an Evidently report).",
          "The data path lacks data contract checks (Data Contract CLI or countersign/contract@1)."
        ],
        "supplier": "data_scientist"
      },
      {
        "rule": "evidence.model",
        "topic": "evidence",
        "sentence": "Evidence of the model path is green for exactly this weights digest.",
        "met": false,
        "details": [
          "No model-path evidence is attached."
        ],
        "supplier": "data_scientist"
      },
      {
        "rule": "champion.not_worse",
        "topic": "evidence",
        "sentence": "On the same cases the version is not worse than the champion by more than the margin, overall and in each segment.",
        "met": true,
        "details": [
          "No other version serves a market of this model yet; the thresholds of the model path decide."
        ],
        "supplier": "data_scientist"
      },
      {
        "rule": "validation.report",
        "topic": "validation",
        "sentence": "An independent validation report approves this version.",
        "met": false,
        "details": [
          "No validation report is recorded."
        ],
        "supplier": "mrm_validator"
      },
      {
        "rule": "findings.closed",
        "topic": "findings",
        "sentence": "No finding of severity high or above is open.",
        "met": false,
        "details": [
          "Finding 1 (high, open): Leaks the label. Its owner mends it next."
        ],
        "supplier": "data_scientist",
        "waivable_by": "risk_committee"
      },
      {
        "rule": "sign_off.mrm_validator",
        "topic": "sign_off",
        "sentence": "MRM validator signs: “I validated this model independently of its development and approve its promotion.”",
        "met": false,
        "details": [
          "MRM validator can sign once promotion is asked for."
        ],
        "supplier": "mrm_validator"
      }
    ]
    "#);
}

#[test]
fn the_requirements_of_a_gate_with_a_stale_signature() {
    let mut world = TestWorld::new();
    world.register_model("streamrec", "unregulated");
    let id = world.unregulated_in_staging("streamrec", 1);
    world.request(&ben(), &id, Stage::Shadow, eu()).unwrap();
    world.days_pass(7);
    world.attach(&id, EvidencePath::Shadow, eu(), Verdict::Green);
    world.request(&ben(), &id, Stage::Canary, eu()).unwrap();
    world.sign(&victor(), Role::MrmValidator, &id).unwrap();
    world.attach(&id, EvidencePath::Other, None, Verdict::Neutral);
    insta::assert_json_snapshot!(world.requirements(&id, Stage::Canary, Some(&market("EU"))), @r#"
    [
      {
        "rule": "evidence.shadow",
        "topic": "evidence",
        "sentence": "Evidence of the shadow path is green for exactly this weights digest.",
        "met": true,
        "details": [],
        "supplier": "data_scientist"
      },
      {
        "rule": "stage.minimum_time",
        "topic": "time",
        "sentence": "At least 7 days were spent in Shadow in EU.",
        "met": true,
        "details": [],
        "supplier": "service"
      },
      {
        "rule": "findings.closed",
        "topic": "findings",
        "sentence": "No finding of severity high or above is open.",
        "met": true,
        "details": [],
        "supplier": "mrm_validator"
      },
      {
        "rule": "privacy.dpia",
        "topic": "privacy",
        "sentence": "An approved data protection impact assessment covers this version in this market (GDPR Art. 35).",
        "met": true,
        "details": [
          "Approved by entry 5."
        ],
        "supplier": "data_scientist"
      },
      {
        "rule": "privacy.prohibited_features",
        "topic": "privacy",
        "sentence": "The model reads no feature that this market prohibits.",
        "met": true,
        "details": [],
        "supplier": "data_scientist"
      },
      {
        "rule": "privacy.article22",
        "topic": "privacy",
        "sentence": "Automated decisions have a basis, and their safeguards have owners (GDPR Art. 22).",
        "met": true,
        "details": [
          "Confirmed by entry 7."
        ],
        "supplier": "privacy_officer"
      },
      {
        "rule": "sign_off.mrm_validator",
        "topic": "sign_off",
        "sentence": "MRM validator signs: “I reviewed the shadow results for this market and approve exposing users.”",
        "met": false,
        "details": [
          "The signature of entry 18 is stale: evidence changed since."
        ],
        "supplier": "mrm_validator"
      },
      {
        "rule": "sign_off.privacy_officer",
        "topic": "sign_off",
        "sentence": "Privacy officer signs: “I reviewed the effect on data subjects and approve processing in this market.”",
        "met": false,
        "details": [
          "Privacy officer has not signed yet."
        ],
        "supplier": "privacy_officer"
      }
    ]
    "#);
}

#[test]
fn a_refusal_says_what_is_missing_and_who_can_supply_it() {
    let mut world = TestWorld::new();
    world.register_model("credit", "sr-11-7");
    let mut partial = lineage(1);
    partial.training.random_seed = None;
    let id = world.register_version("credit", partial);
    world.attach(&id, EvidencePath::Code, None, Verdict::Green);
    world.attach(&id, EvidencePath::Model, None, Verdict::Red);
    insta::assert_json_snapshot!(world.request(&ben(), &id, Stage::Staging, None).unwrap_err(), @r#"
    {
      "rule": "promotion.ready",
      "kind": "rule",
      "message": "credit version 1 cannot go to Staging yet: 6 things are missing.",
      "missing": [
        {
          "what": "lineage.complete",
          "message": "lineage.training.random_seed: State the random seed.",
          "supplier": "data_scientist"
        },
        {
          "what": "evidence.code",
          "message": "The code path lacks lint results (SARIF).",
          "supplier": "data_scientist"
        },
        {
          "what": "evidence.code",
          "message": "The code path lacks image facts (docker image inspect, or the image's manifest).",
          "supplier": "data_scientist"
        },
        {
          "what": "evidence.data",
          "message": "No data-path evidence is attached.",
          "supplier": "data_scientist"
        },
        {
          "what": "evidence.model",
          "message": "Evidence 2 (model.json) failed: 1 of 2 thresholds met.",
          "supplier": "data_scientist"
        },
        {
          "what": "evidence.model",
          "message": "The model path lacks behavioural tests (countersign/behaviour@1).",
          "supplier": "data_scientist"
        }
      ]
    }
    "#);
}

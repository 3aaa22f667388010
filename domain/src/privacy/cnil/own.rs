//! The member `countersign`, which Countersign writes beside what the tool knows.
//!
//! It holds the whole content, so that a file which Countersign wrote reads back as it was. It counts as long as the
//! tool's own members are those that this content gives; once somebody changed them, they count, and each thing that
//! stands in the member only is told. Files of earlier releases hold there what the tool has no place for, and nothing
//! else.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Imported, NotPia, Unplaced, export::tool_file, quoted, read};
use crate::privacy::dpia::{Content, Risk, Scope};

/// What the tool's members gave, `read`, joined with the member of `file`.
pub(super) fn joined(file: &Value, member: &Value, read: Imported) -> Result<Imported, NotPia> {
    match member.get("content") {
        None => Ok(left_over(member, read)),
        Some(content) => match serde_json::from_value::<Content>(content.clone()) {
            Ok(content) => whole(file, content.tidied(), read),
            Err(error) => Ok(told(read, [("countersign.content".to_owned(), format!("It cannot be read: {error}."))])),
        },
    }
}

fn told(mut read: Imported, more: impl IntoIterator<Item = (String, String)>) -> Imported {
    read.unplaced.extend(more.into_iter().map(|(place, why)| Unplaced { place, why }));
    read
}

/// The content, unless the tool's members were changed since it was written.
fn whole(file: &Value, content: Content, read_here: Imported) -> Result<Imported, NotPia> {
    let (now, then) = (read(file, None)?, read(&tool_file(&content), None)?);
    if now.content == then.content {
        // What the tool's members leave out of this very content stands in the member.
        let unplaced = read_here.unplaced.into_iter().filter(|one| !then.unplaced.contains(one)).collect();
        return Ok(Imported { content, unplaced });
    }
    let why = |what: &str| {
        format!("The answers were changed after Countersign wrote the file, so they count; not taken over: {what}")
    };
    let mut more = Vec::new();
    for (index, risk) in content.risks.iter().enumerate().filter(|(_, risk)| !read_here.content.risks.contains(risk)) {
        more.push((format!("countersign.content.risks[{index}]"), why(&quoted(&risk.title))));
    }
    for (index, measure) in content.measures.iter().enumerate() {
        if !read_here.content.measures.contains(measure) {
            let what = format!("{}, as it stands there with owner and risks", quoted(&measure.title));
            more.push((format!("countersign.content.measures[{index}]"), why(&what)));
        }
    }
    if content.scope != read_here.content.scope {
        more.push(("countersign.content.scope".to_owned(), why("the scope")));
    }
    if content.justified_features != read_here.content.justified_features {
        more.push(("countersign.content.justified_features".to_owned(), why("the justified features")));
    }
    Ok(told(read_here, more))
}

/// What a file of an earlier release holds beside: risks of other kinds, justified features, the scope.
fn left_over(member: &Value, mut read: Imported) -> Imported {
    let listed = member.get("unplaced").and_then(Value::as_array);
    let mut more = Vec::new();
    for (index, item) in listed.into_iter().flatten().enumerate() {
        let value = item.get("value").cloned().unwrap_or_default();
        let place = item.get("place").and_then(Value::as_str).unwrap_or_default();
        let is_taken = match place {
            "risks" => serde_json::from_value::<Risk>(value).map(|risk| read.content.risks.push(risk)).is_ok(),
            "justified_features" => serde_json::from_value::<BTreeMap<String, String>>(value)
                .map(|features| read.content.justified_features.extend(features))
                .is_ok(),
            "scope" => serde_json::from_value::<Scope>(value).map(|scope| read.content.scope = scope).is_ok(),
            _ => false,
        };
        if !is_taken {
            more.push((format!("countersign.unplaced[{index}]"), format!("It cannot be read: {}.", quoted(place))));
        }
    }
    told(read, more)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ledger::Timestamp;
    use proptest::{collection, option, prelude::*, sample};
    use serde_json::json;

    use super::*;
    use crate::privacy::{
        PrivacyFile,
        cnil::{export, import},
        dpia::{Draft, Level, Measure, Part, Rating, RiskKind, SubjectViews},
    };

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z]{1,8}", "[<>&; a-zA-Z\n#Ä]{1,30}", Just("x".repeat(450)), Just("<p>a</p>: &amp;".to_owned())]
    }

    fn rating() -> impl Strategy<Value = Option<Rating>> {
        let level = || sample::select(Level::ALL.to_vec());
        option::of((level(), level()).prop_map(|(likelihood, severity)| Rating { likelihood, severity }))
    }

    prop_compose! {
        fn risk()(
            kind in sample::select(RiskKind::ALL.to_vec()), title in text(), description in text(),
            lists in collection::vec(collection::vec(text(), 0..25), 3), initial in rating(), residual in rating(),
        ) -> Risk {
            let [impacts, threats, sources] = lists.try_into().unwrap();
            Risk { kind, title, description, impacts, threats, sources, initial, residual }
        }
    }

    prop_compose! {
        fn measure()(
            title in text(), description in text(), owner in option::of("[a-z]{3,9}"),
            treats in collection::btree_set(sample::select(RiskKind::ALL.to_vec()), 0..4),
        ) -> Measure {
            Measure { title, description, owner: owner.map(|id| id.parse().unwrap()), treats }
        }
    }

    prop_compose! {
        fn content()(
            parts in collection::btree_map(sample::select(Part::ALL.to_vec()), text(), 0..18),
            risks in collection::vec(risk(), 0..6), measures in collection::vec(measure(), 0..5),
            sought in any::<bool>(), views in text(), markets in collection::btree_set("[A-Z]{2}", 0..3),
            features in collection::btree_map("[a-z_]{1,9}", text(), 0..3), version in option::of(1_u32..9),
        ) -> Content {
            Content {
                scope: Scope {
                    markets: markets.into_iter().map(|market| market.parse().unwrap()).collect(),
                    reopened_by: BTreeSet::new(),
                    version: version.map(|number| number.try_into().unwrap()),
                },
                parts, risks, measures,
                views: SubjectViews { sought, text: views },
                justified_features: features,
            }
            .tidied()
        }
    }

    fn exported(content: &Content) -> Value {
        let mut file = PrivacyFile::new("loans".parse().unwrap());
        file.draft = Some(Draft {
            digest: content.digest(),
            content: content.clone(),
            fingerprints: BTreeMap::new(),
            authors: BTreeSet::new(),
            drafted_at: Timestamp::EPOCH,
            entry: 1,
        });
        export(&file, "Loans", Timestamp::EPOCH).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever an assessment says: its file reads back as the same, whatever draft was there before.
        #[test]
        fn what_is_exported_is_imported_again_unchanged(content in content(), base in option::of(content())) {
            let again = import(&exported(&content).to_string(), base.as_ref()).unwrap();
            prop_assert_eq!(again.content.digest(), content.digest());
            prop_assert_eq!(again.content, content);
            prop_assert_eq!(again.unplaced, []);
        }
    }

    fn two_risks() -> Content {
        let risk = |title: &str, kind| Risk {
            kind,
            title: title.into(),
            description: String::new(),
            impacts: vec!["Shame".into()],
            threats: Vec::new(),
            sources: Vec::new(),
            initial: None,
            residual: None,
        };
        Content {
            scope: Scope { markets: ["EU".parse().unwrap()].into(), ..Scope::default() },
            risks: vec![
                risk("Scores leak", RiskKind::IllegitimateAccess),
                risk("Weights leak", RiskKind::IllegitimateAccess),
                risk("Unfair refusals", RiskKind::Other),
            ],
            measures: vec![Measure {
                title: "Encryption".into(),
                description: String::new(),
                owner: Some("olga".parse().unwrap()),
                treats: [RiskKind::IllegitimateAccess].into(),
            }],
            justified_features: [("postcode".to_owned(), "Needed.".to_owned())].into(),
            ..Content::default()
        }
    }

    #[test]
    fn answers_changed_elsewhere_count_and_what_stands_beside_only_is_told() {
        let mut file = exported(&two_risks());
        file["measures"][0]["title"] = json!("Encryption at rest");
        let Imported { content, unplaced } = import(&file.to_string(), None).unwrap();
        assert_eq!(content.measures[0].title, "Encryption at rest");
        let places: Vec<&str> = unplaced.iter().map(|one| one.place.as_str()).collect();
        let expected = [
            "answers[3]",
            "countersign.content.risks[0]",
            "countersign.content.risks[1]",
            "countersign.content.risks[2]",
            "countersign.content.measures[0]",
            "countersign.content.scope",
            "countersign.content.justified_features",
        ];
        assert_eq!(places, expected, "{unplaced:?}");
        file["countersign"]["content"] = json!({"risks": 3});
        let unplaced = import(&file.to_string(), None).unwrap().unplaced;
        assert!(unplaced.iter().any(|one| one.place == "countersign.content"), "{unplaced:?}");
    }

    #[test]
    fn a_file_of_an_earlier_release_gives_back_what_stood_beside() {
        let content = two_risks();
        let mut file = exported(&content);
        file["countersign"] = json!({"schema": "countersign/cnil@1", "unplaced": [
            {"place": "risks", "why": "", "value": content.risks[2]},
            {"place": "justified_features", "why": "", "value": {"postcode": "Needed."}},
            {"place": "scope", "why": "", "value": content.scope},
            {"place": "owners", "why": "", "value": 3},
        ]});
        let again = import(&file.to_string(), None).unwrap();
        assert_eq!(again.content.risks[1], content.risks[2]);
        assert_eq!(
            (&again.content.scope, &again.content.justified_features),
            (&content.scope, &content.justified_features)
        );
        assert_eq!(again.unplaced.len(), 1, "{:?}", again.unplaced);
        assert_eq!(again.unplaced[0].place, "countersign.unplaced[3]");
    }
}

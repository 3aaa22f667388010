//! Invented data for the pages about policy, inventory and attestations.

use app::{
    kit::{Choice, Fact, Link, Tag, Tone},
    pages::{
        CampaignView, CampaignsView, InventoryView, PolicyView,
        campaigns::{AttestationRow, CampaignForm, CampaignRow},
        inventory::CardForm,
        policy::{AdoptForm, PolicyDiff, PolicyDiffRow, PolicyVersionRow},
    },
};

use crate::records::{choices, due, when};

fn diff(title: &str) -> PolicyDiff {
    PolicyDiff {
        title: title.to_owned(),
        changes: vec![
            PolicyDiffRow {
                path: "markets.JP.min_shadow_days".to_owned(),
                before: None,
                after: Some("10".to_owned()),
                tag: Some(Tag::new(Tone::Warn, "number")),
            },
            PolicyDiffRow {
                path: "markets.EU.title".to_owned(),
                before: Some("European Union".to_owned()),
                after: Some("EU and EEA".to_owned()),
                tag: None,
            },
        ],
    }
}

/// The policy, as an administrator sees it.
pub fn policy() -> PolicyView {
    PolicyView {
        facts: vec![Fact::text("Policy", "Countersign default policy"), Fact::text("Version", "2")],
        markets: vec![["EU", "European Union", "7", "7", "14", "MRM validator (Canary)"].map(str::to_owned)],
        versions: vec![PolicyVersionRow {
            version: Link::new("Version 2", "/policy?version=2#text"),
            title: "Countersign default policy".to_owned(),
            when: when(20, "09:14"),
            who: "Daniel Kowalczyk".to_owned(),
            entry: Link::new("entry 612", "/ledger/612"),
            changes: Some(Link::new("What changed", "/policy?a=1&b=2#diff")),
            in_force: true,
        }],
        compare: (choices(&["Version 2", "Version 1"]), choices(&["Version 2", "Version 1"])),
        diff: Some(diff("From version 1 to version 2")),
        text: ("Text of version 2, in force".to_owned(), "schema = 1\ntitle = \"<policy>\"\n".to_owned()),
        adopt: Some(AdoptForm {
            text: "schema = 1\n".to_owned(),
            preview: Some(diff("Adopting it would change this")),
        }),
        errors: None,
    }
}

/// A model in the inventory, as its validator sees it.
pub fn inventory() -> InventoryView {
    InventoryView {
        model: "credit-default".to_owned(),
        title: "Probability of default, retail".to_owned(),
        tags: vec![Tag::new(Tone::Neutral, "Tier 1"), Tag::new(Tone::Serving, "in use")],
        facts: vec![Fact::text("Owner", "Tomas Lindqvist"), Fact::text("Exposure", "large")],
        card: vec![
            ("Purpose".to_owned(), "Decides on instalment loans.".to_owned()),
            ("Restrictions".to_owned(), String::new()),
        ],
        exceptions: vec![(
            "v4, finding 3: expires on 15 Dec 2026.".to_owned(),
            Link::new("Waiver 1", "/models/credit-default/versions/4/validation#waiver-1"),
        )],
        amend: Some(CardForm {
            fields: vec![("restrictions".to_owned(), "Restrictions".to_owned(), "Not for <pricing>".to_owned())],
        }),
        tier: Some((choices(&["large", "medium"]), choices(&["regulatory", "internal"]))),
        owners: Some(vec![Choice::new("a1", "Ana Reyes")]),
        markets: Some(vec![Choice::new("JP", "Japan")]),
        reason: String::new(),
        errors: None,
    }
}

/// Every campaign, as a validator sees them.
pub fn campaigns() -> CampaignsView {
    CampaignsView {
        rows: vec![CampaignRow {
            title: Link::new("Inventory 2026", "/campaigns/1"),
            due: due("2026-12-15", "15 Dec 2026", Tone::Neutral, "due in 22 days"),
            answered: "12 of 30 answered".to_owned(),
            objections: 1,
        }],
        open: Some(CampaignForm { tiers: choices(&["Tier 1", "Tier 2", "Tier 3"]), ..CampaignForm::default() }),
        errors: None,
    }
}

/// One campaign, as an owner sees it.
pub fn campaign() -> CampaignView {
    CampaignView {
        number: 1,
        title: "Inventory 2026".to_owned(),
        statement: "What the inventory says of this model is complete and right.".to_owned(),
        facts: vec![Fact::text("Answers", "12 of 30")],
        mine: vec![Choice::new("credit-default", "credit-default")],
        rows: vec![AttestationRow {
            model: Link::new("fraud-screen", "/models/fraud-screen/inventory"),
            owner: "Kwame Mensah".to_owned(),
            state: Tag::new(Tone::Bad, "objected"),
            comment: "Its inputs changed.".to_owned(),
            given: Some((when(21, "10:02"), Link::new("entry 700", "/ledger/700"))),
        }],
        comment: String::new(),
        errors: None,
    }
}

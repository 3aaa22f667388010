//! Who acts in the demo. Everything here is public, passwords included.

use domain::account::Role;

/// The password of every demo account.
pub const PASSPHRASE: &str = "demo-passphrase-29";

/// Somebody who can sign in to the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: &'static str,
    /// E-mail address to sign in with.
    pub email: &'static str,
    /// Role.
    pub role: Role,
    /// Team.
    pub team: &'static str,
}

/// Who acts in a scene: the e-mail address of a person, or [`PIPELINE`].
pub(super) type Actor = &'static str;

pub(super) const ANA: Actor = "ana.validator@demo.example";
pub(super) const HENRIK: Actor = "henrik.validator@demo.example";
pub(super) const PRIYA: Actor = "priya.scientist@demo.example";
pub(super) const TOMAS: Actor = "tomas.scientist@demo.example";
pub(super) const MEI: Actor = "mei.scientist@demo.example";
pub(super) const KWAME: Actor = "kwame.scientist@demo.example";
pub(super) const YUSUF: Actor = "yusuf.scientist@demo.example";
pub(super) const RUTH: Actor = "ruth.committee@demo.example";
pub(super) const MARTA: Actor = "marta.committee@demo.example";
const IDRIS: Actor = "idris.committee@demo.example";
pub(super) const GRACE: Actor = "grace.scientist@demo.example";
pub(super) const LUKAS: Actor = "lukas.privacy@demo.example";
const SAMIRA: Actor = "samira.auditor@demo.example";
pub(super) const DANIEL: Actor = "daniel.admin@demo.example";

/// The service account of the training pipeline. Its token's secret is thrown away when the demo is written.
pub(super) const PIPELINE: Actor = "pipeline";

const fn person(name: &'static str, email: Actor, role: Role, team: &'static str) -> Person {
    Person { name, email, role, team }
}

/// Everybody who can sign in to the demo.
pub const PEOPLE: &[Person] = &[
    person("Ana Okafor", ANA, Role::MrmValidator, "Model risk management"),
    person("Henrik Solberg", HENRIK, Role::MrmValidator, "Model risk management"),
    person("Priya Raghunathan", PRIYA, Role::DataScientist, "Credit risk models"),
    person("Tomás Ibarra", TOMAS, Role::DataScientist, "Credit risk models"),
    person("Mei-Ling Chow", MEI, Role::DataScientist, "Recommendations"),
    person("Kwame Mensah", KWAME, Role::DataScientist, "Payments risk"),
    person("Grace Lim", GRACE, Role::DataScientist, "Payments risk"),
    person("Yusuf Demir", YUSUF, Role::DataScientist, "Customer analytics"),
    person("Ruth Feldman", RUTH, Role::RiskCommittee, "Risk committee"),
    person("Marta Nowak", MARTA, Role::RiskCommittee, "Risk committee"),
    person("Idris Bello", IDRIS, Role::RiskCommittee, "Risk committee"),
    person("Lukas Brandt", LUKAS, Role::PrivacyOfficer, "Data protection office"),
    person("Samira Haddad", SAMIRA, Role::Auditor, "Internal audit"),
    person("Daniel Kowalczyk", DANIEL, Role::Administrator, "ML platform"),
];

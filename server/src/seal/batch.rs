//! One transaction's worth of commands: decided one after the other, written together.

mod work;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use domain::{
    AccountId, Aggregate, AggregateId, Command, Context, Event, ModelName, Recorded, Refusal, VersionId, World,
    account::{Account, Role},
    campaign::{self, Listed},
    clock, committee, decide, materiality,
    privacy::{PrivacyFile, command::PrivacyCommand, review::ReviewId, safeguards},
    refusal::{Missing, RefusalKind},
};
use ledger::{Actor, ActorKind, Checkpoint, Digest, Entry, SCHEMA, SigningKey, Timestamp, TreeHead, merkle::leaf_hash};

use super::{
    Caller, Extent, Order, Receipt, SealError, Sealed, SealedEntry,
    cache::{Cache, End, account, state},
    principal,
};
use crate::{
    storage::{
        StoreError, Write,
        accounts::VaultField,
        log::Head,
        write::{KeptAnswer, NewEntry},
    },
    vault,
    views::{self, ViewRow, impact::Exposures},
};

/// Hours after which a due state is looked at again that could not be judged.
const RETRY_HOURS: i64 = 1;
/// Why reports that were made before an erasure are no longer there.
const WITHDRAWN: &str = "Personal data of an account were erased after this report was made. It could hold that name, so its files were deleted. Ask for the report again.";

/// See the module.
pub(super) struct Batch<'c> {
    cache: &'c Cache,
    now: Timestamp,
    extent: Extent,
    size: u64,
    last: Digest,
    tree: TreeHead,
    /// States as this batch left them so far.
    states: HashMap<AggregateId, Aggregate>,
    /// States that a decision turned out to need beside those it names, and those looked for in vain.
    loaded: HashMap<AggregateId, Aggregate>,
    absent: HashSet<AggregateId>,
    entries: Vec<NewEntry>,
    /// Rows of `entry_about`.
    about: Vec<views::About>,
    /// Rows of `exposure`.
    exposures: Exposures,
    sealed: Vec<Sealed>,
    kept: Vec<KeptAnswer>,
    policy_changed: bool,
    /// States at which was looked because they were due, and when to look again where nothing came of it.
    looked_at: HashMap<AggregateId, Option<Timestamp>>,
}

/// An event with its entry, ready to be stored.
struct Made {
    recorded: Recorded,
    entry: NewEntry,
    about: Vec<views::About>,
    exposures: Exposures,
}

impl<'c> Batch<'c> {
    pub(super) fn new(cache: &'c Cache, now: Timestamp, extent: Extent) -> Self {
        let (size, last, time) = cache
            .head
            .as_ref()
            .map_or((0, Digest::of(b""), Timestamp::EPOCH), |head| (head.size, head.last, head.time));
        Self {
            cache,
            // A clock that was set back never makes the ledger go back in time.
            now: now.max(time),
            extent,
            size,
            last,
            tree: cache.tree.clone(),
            states: HashMap::new(),
            loaded: HashMap::new(),
            absent: HashSet::new(),
            entries: Vec::new(),
            about: Vec::new(),
            exposures: Exposures::default(),
            sealed: Vec::new(),
            kept: Vec::new(),
            policy_changed: false,
            looked_at: HashMap::new(),
        }
    }

    fn state(&self, id: &AggregateId) -> Option<&Aggregate> {
        state(&self.states, self.cache, id).or_else(|| self.loaded.get(id))
    }

    /// Decides one order. The outer error is the storage's and fails the whole transaction; the inner one is the
    /// answer to this order alone.
    pub(super) async fn add(
        &mut self,
        write: &mut Write,
        order: &Order,
    ) -> Result<Result<Receipt, SealError>, StoreError> {
        let caller_account = match &order.caller {
            Caller::Account(id) | Caller::Token(id, _) => account(self.state(&AggregateId::Account(id.clone()))),
            Caller::System | Caller::Resumed => None,
        };
        let principal = match principal(&order.caller, caller_account.as_deref(), self.now) {
            Ok(principal) => principal,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        if let Some((key, request)) = &order.idempotency
            && self.extent == Extent::Whole
            && let Some(answer) = self.earlier_answer(write, principal.account.as_str(), key, *request).await?
        {
            return Ok(answer);
        }
        let context = Context {
            now: self.now,
            next_seq: self.size,
            principal,
            reauthenticated: order.reauthenticated,
            expected_revision: order.expected_revision,
        };
        let world = self.world(write, &order.command).await?;
        let events = match decide(&world, &context, &order.command) {
            Ok(events) => events,
            Err(refusal) => {
                self.looked(&order.command, Some(self.now.plus_hours(RETRY_HOURS)));
                return Ok(Err(refusal.into()));
            }
        };
        let subject = subject(&order.command, &world);
        let (made, states) = match self.make(&context, &subject, events) {
            Ok(made) => made,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        self.looked(&order.command, self.next_moment(&subject, &world));
        if let Some(refusal) = Self::check_beside(write, order).await? {
            return Ok(Err(refusal.into()));
        }
        Self::write_beside(write, order, &subject, &made).await?;
        let receipt = self.accept(made, states, &subject);
        if let Some((key, request)) = &order.idempotency {
            let receipt = serde_json::to_string(&receipt)
                .map_err(|error| StoreError::Inconsistent(format!("a receipt has no JSON: {error}")))?;
            let account = context.principal.account.to_string();
            self.kept.push(KeptAnswer { account, key: key.clone(), request: *request, receipt });
        }
        Ok(Ok(receipt))
    }

    /// Notes that a due state was looked at.
    fn looked(&mut self, command: &Command, again: Option<Timestamp>) {
        if let Command::Tick(id) = command {
            self.looked_at.insert(id.clone(), again);
        }
    }

    /// When to look at a state again that nothing happened to: what is past did not make anything happen.
    fn next_moment(&self, id: &AggregateId, world: &World) -> Option<Timestamp> {
        let moments = clock::moments(self.state(id)?, world);
        moments.into_iter().filter(|at| *at > self.now).min()
    }

    /// When to look again at each state that changed or was looked at.
    fn due(&self) -> Vec<(AggregateId, Option<Timestamp>)> {
        let first = |id: &AggregateId, state: &Aggregate, of: &dyn Fn(&AggregateId) -> Option<Aggregate>| {
            let mut world = World::default();
            for id in id.with_context().iter().chain([&AggregateId::Policy]) {
                if let Some(state) = of(id) {
                    world.put(&state);
                }
            }
            clock::moments(state, &world).into_iter().min()
        };
        let changed = self.states.iter().filter_map(|(id, state)| {
            let after = first(id, state, &|id| self.state(id).cloned());
            let before = self.cache.states.get(id);
            let before = before.and_then(|state| first(id, state, &|id| self.cache.states.get(id).cloned()));
            (after.is_some() || before.is_some()).then(|| (id.clone(), after))
        });
        let quiet = self.looked_at.iter().filter(|(id, _)| !self.states.contains_key(*id));
        changed.chain(quiet.map(|(id, at)| (id.clone(), *at))).collect()
    }

    async fn earlier_answer(
        &self,
        write: &mut Write,
        account: &str,
        key: &str,
        request: Digest,
    ) -> Result<Option<Result<Receipt, SealError>>, StoreError> {
        let in_batch = self.kept.iter().find(|kept| kept.account == account && kept.key == key);
        let earlier = match in_batch {
            Some(kept) => Some((kept.request, kept.receipt.clone())),
            None => write.kept_answer(account, key).await?,
        };
        let Some((asked, receipt)) = earlier else { return Ok(None) };
        if asked != request {
            return Ok(Some(Err(Refusal::conflict(
                "idempotency.same_request",
                "This idempotency key was used for another request; use a new key for a new request.",
                Missing::field("idempotency-key", "A key that was not used yet."),
            )
            .into())));
        }
        let mut receipt: Receipt = serde_json::from_str(&receipt)
            .map_err(|error| StoreError::Inconsistent(format!("a kept receipt cannot be read: {error}")))?;
        receipt.repeated = true;
        Ok(Some(Ok(receipt)))
    }

    async fn world(&mut self, write: &mut Write, command: &Command) -> Result<World, StoreError> {
        let mut world = World::default();
        for id in command.reads().iter().chain([&AggregateId::Policy]) {
            if let Some(state) = self.state(id) {
                world.put(state);
            }
        }
        if let Some(id) = materiality::wanted_baseline(command, &world)
            && let Some(Aggregate::Version(baseline)) = self.stored(write, &AggregateId::Version(id)).await?
        {
            world.baseline = Some(baseline);
        }
        if committee::needs_roster(command, &world) {
            world.roster = self.holders(write, Role::RiskCommittee).await?;
        }
        if let Some(account) = safeguards::leaver(command) {
            world.kept = self.files_kept_by(write, account).await?;
        }
        if campaign::needs_inventory(command) {
            world.inventory = self.inventory(write).await?;
        }
        let also = command.also_reads(&world);
        let is_absent = |id: &AggregateId| self.absent.contains(id) || self.cache.absent.contains(id);
        let unread: Vec<AggregateId> =
            also.iter().filter(|id| self.state(id).is_none() && !is_absent(id)).cloned().collect();
        if !unread.is_empty() {
            self.loaded.extend(write.aggregates(&unread).await?);
            self.absent.extend(unread);
        }
        for state in also.iter().filter_map(|id| self.state(id)) {
            world.put_beside(state);
        }
        if let Command::RegisterVersion(_, body) = command
            && let Some(origin) = &body.origin
        {
            // By the key that the table holds unique: a clash there would fail the whole group.
            let key = Some(views::origin_key(origin));
            let in_batch = self.states.values().find_map(|state| match state {
                Aggregate::Version(version) if version.origin.as_ref().map(views::origin_key) == key => {
                    Some(version.id.clone())
                }
                _ => None,
            });
            world.same_origin = match in_batch {
                Some(id) => Some(id),
                None => match write.version_by_origin(&views::origin_key(origin)).await?.map(|id| id.parse()) {
                    Some(Ok(AggregateId::Version(id))) => Some(id),
                    _ => None,
                },
            };
        }
        Ok(world)
    }

    /// A state as this batch left it, or as it is stored, though no order of the batch names it.
    async fn stored(&self, write: &mut Write, id: &AggregateId) -> Result<Option<Aggregate>, StoreError> {
        match self.state(id) {
            Some(state) => Ok(Some(state.clone())),
            None => Ok(write.aggregates(std::slice::from_ref(id)).await?.pop().map(|(_, state)| state)),
        }
    }

    /// Accounts that may hold a role, as this batch left them.
    async fn holders(&self, write: &mut Write, role: Role) -> Result<Vec<Arc<Account>>, StoreError> {
        let mut found: BTreeMap<AggregateId, Aggregate> = write.accounts_with(role).await?.into_iter().collect();
        found.extend(
            self.states
                .iter()
                .filter(|(id, _)| matches!(id, AggregateId::Account(_)))
                .map(|(id, state)| (id.clone(), state.clone())),
        );
        Ok(found
            .into_values()
            .filter_map(|state| match state {
                Aggregate::Account(account) if account.roles.contains(&role) => Some(account),
                _ => None,
            })
            .collect())
    }

    /// The privacy files whose statement names an account, as this batch left them, ready to be folded on.
    async fn files_kept_by(
        &mut self,
        write: &mut Write,
        account: &AccountId,
    ) -> Result<Vec<Arc<PrivacyFile>>, StoreError> {
        let stored = write.privacy_files_with(account.as_str()).await?;
        let changed = self.states.keys().filter(|id| matches!(id, AggregateId::Dpia(_))).cloned();
        let ids: BTreeSet<AggregateId> = stored.iter().map(|(id, _)| id.clone()).chain(changed).collect();
        for (id, state) in stored {
            if self.state(&id).is_none() {
                self.loaded.insert(id, state);
            }
        }
        let kept = |id: &AggregateId| match self.state(id) {
            Some(Aggregate::Dpia(file)) if file.keeps(account) => Some(file.clone()),
            _ => None,
        };
        Ok(ids.iter().filter_map(kept).collect())
    }

    /// Every model, as this batch left them.
    async fn inventory(&self, write: &mut Write) -> Result<Vec<Listed>, StoreError> {
        let stored = write.inventory().await?.into_iter().map(|listed| (listed.model.clone(), listed));
        let mut found: BTreeMap<ModelName, Listed> = stored.collect();
        for state in self.states.values() {
            if let Aggregate::Model(model) = state {
                found.insert(
                    model.name.clone(),
                    Listed {
                        model: model.name.clone(),
                        tier: model.tier,
                        owner: model.owner.clone(),
                        status: domain::inventory::status(model),
                    },
                );
            }
        }
        Ok(found.into_values().collect())
    }

    async fn check_beside(write: &mut Write, order: &Order) -> Result<Option<Refusal>, StoreError> {
        if let Some((email, _)) = &order.beside.login
            && write.email_is_taken(email).await?
        {
            let field = Missing::field("email", "This e-mail address has an account already.");
            return Ok(Some(Refusal { kind: RefusalKind::Conflict, ..Refusal::invalid(vec![field]) }));
        }
        if let Some((name, value)) = &order.beside.consumes
            && !write.take_setting(name, value).await?
        {
            return Ok(Some(Refusal::forbidden(
                "setup.once",
                "This link was used already or is not the right one.",
                Missing::from("link", "A new link.", Role::Administrator),
            )));
        }
        Ok(None)
    }

    /// Writes what goes beside the entries, and erases what one of them says is erased.
    async fn write_beside(
        write: &mut Write,
        order: &Order,
        subject: &AggregateId,
        made: &[Made],
    ) -> Result<(), StoreError> {
        let beside = &order.beside;
        if let Some((id, url, secret)) = &beside.webhook {
            write.add_webhook(id, url, secret).await?;
        }
        let rotated = made.iter().find_map(|made| match &made.recorded.event {
            Event::WebhookRotated(body) => Some(body),
            _ => None,
        });
        if let (Some(secret), Some(body)) = (&beside.rotates_webhook, rotated) {
            write.rotate_webhook(&body.webhook, secret, body.overlap_until).await?;
        }
        if let Some(id) = &beside.forgets_webhook {
            write.remove_webhook(id).await?;
        }
        let owner = vault::owner(subject);
        let fields: Vec<VaultField> =
            beside.vault.iter().map(|field| VaultField { account: owner.clone(), ..field.clone() }).collect();
        write.add_vault(&fields).await?;
        for Made { recorded, .. } in made {
            let Event::ErasurePerformed { fields, .. } = &recorded.event else { continue };
            write.erase_vault(&owner, fields.iter().map(String::as_str)).await?;
            if let AggregateId::Account(account) = subject {
                write.erase_login(account.as_str()).await?;
                // Any report may name any account. People of the human-review register stand in none.
                write.withdraw_reports(WITHDRAWN).await?;
            }
        }
        let AggregateId::Account(account) = subject else { return Ok(()) };
        if let Some((email, password)) = &beside.login {
            write.add_login(account.as_str(), email, password).await?;
        }
        if let Some((id, hash)) = &beside.token {
            write.add_token_secret(id, account.as_str(), *hash).await?;
        }
        if beside.ends_sessions {
            write.end_sessions_of(account.as_str()).await?;
        }
        Ok(())
    }

    /// Entries for the events and the states after them, without touching the batch yet.
    fn make(
        &self,
        context: &Context,
        subject: &AggregateId,
        events: Vec<Event>,
    ) -> Result<(Vec<Made>, HashMap<AggregateId, Aggregate>), Refusal> {
        let broken = |error: &dyn std::fmt::Display| {
            Refusal::rule("ledger.consistent", error.to_string(), Missing::sound_ledger())
        };
        let mut states: HashMap<AggregateId, Aggregate> = HashMap::new();
        let mut made = Vec::with_capacity(events.len());
        let (mut seq, mut last) = (self.size, self.last);
        for event in events {
            let recorded = Recorded {
                seq,
                time: self.now,
                actor: context.principal.account.clone(),
                subject: event.own_subject().unwrap_or_else(|| subject.clone()),
                event,
            };
            let about = views::about(&recorded, |id| states.get(id).or_else(|| self.state(id)));
            let mut exposures = Exposures::default();
            for id in recorded.touches() {
                let before = states.get(&id).or_else(|| self.state(&id));
                let after = Aggregate::fold(before, &id, &recorded).map_err(|error| broken(&error))?;
                exposures.note(&recorded, before, &after);
                states.insert(id, after);
            }
            let entry = new_entry(&recorded, context, last)?;
            seq += 1;
            last = entry.hash;
            made.push(Made { recorded, entry, about, exposures });
        }
        Ok((made, states))
    }

    fn accept(&mut self, made: Vec<Made>, states: HashMap<AggregateId, Aggregate>, subject: &AggregateId) -> Receipt {
        let mut entries = Vec::with_capacity(made.len());
        for Made { recorded, entry, about, exposures } in made {
            self.about.extend(about);
            self.exposures.merge(exposures);
            self.tree.append(leaf_hash(&entry.bytes));
            self.size += 1;
            self.last = entry.hash;
            self.policy_changed |= matches!(recorded.event, Event::PolicyAdopted { .. });
            entries.push(SealedEntry { seq: entry.seq, event: entry.event.to_owned(), hash: entry.hash });
            self.sealed.push(Sealed { seq: entry.seq, event: entry.event, subject: recorded.subject });
            self.entries.push(entry);
        }
        self.states.extend(states);
        Receipt { subject: subject.to_string(), time: self.now, entries, repeated: false }
    }

    /// Writes everything; the caller commits.
    pub(super) async fn write(mut self, write: &mut Write, key: &SigningKey) -> Result<(Vec<Sealed>, End), StoreError> {
        let mut head = Head { size: self.size, last: self.last, time: self.now, checkpoint: String::new() };
        if self.extent == Extent::Whole {
            write.put_due(self.due()).await?;
        }
        if self.entries.is_empty() {
            if let Some(known) = &self.cache.head {
                head = known.clone();
            }
            return Ok((Vec::new(), End { head, tree: self.tree, states: self.states }));
        }
        let checkpoint = Checkpoint { origin: key.name().to_owned(), size: self.size, root: self.tree.root() };
        head.checkpoint = checkpoint
            .sign(&[key])
            .map_err(|error| StoreError::Inconsistent(format!("the checkpoint cannot be signed: {error}")))?;
        write.add_entries(std::mem::take(&mut self.entries)).await?;
        write.put_tiles(self.tree.changed_tiles()).await?;
        let mut rows = Vec::with_capacity(self.states.len());
        for (id, state) in &self.states {
            let json = state
                .to_json()
                .map_err(|error| StoreError::Inconsistent(format!("the state of {id} has no JSON: {error}")))?;
            rows.push((id.to_string(), json));
        }
        write.put_aggregates(rows).await?;
        if self.extent == Extent::Bare {
            write.put_head(&head).await?;
            return Ok((self.sealed, End { head, tree: self.tree, states: self.states }));
        }
        let mut view_rows: Vec<ViewRow> = self.states.values().filter_map(views::rows).collect();
        if let Some(Aggregate::Policy(policy)) = self.state(&AggregateId::Policy) {
            view_rows.extend(self.states.values().flat_map(|state| views::privacy::rows(state, policy)));
        }
        view_rows.extend(self.input_rows());
        view_rows.extend(self.work_rows());
        view_rows.extend(self.rows_beside_versions());
        write.put_views(view_rows).await?;
        write.add_about(std::mem::take(&mut self.about)).await?;
        write.put_exposures(std::mem::take(&mut self.exposures).rows()).await?;
        if self.policy_changed {
            self.refresh_all_work(write).await?;
            write.all_due().await?;
        } else {
            self.refresh_work_of_files(write).await?;
        }
        write.keep_answers(std::mem::take(&mut self.kept), self.now).await?;
        write.put_head(&head).await?;
        let mut states = self.loaded;
        states.extend(self.states);
        Ok((self.sealed, End { head, tree: self.tree, states }))
    }
}

/// What the command's entries concern. A new version's number is known only now.
fn subject(command: &Command, world: &World) -> AggregateId {
    match (command, &world.model) {
        (Command::RegisterVersion(model, _), Some(state)) => {
            AggregateId::Version(VersionId { model: model.clone(), number: state.next_version })
        }
        (Command::Privacy(PrivacyCommand::ReceiveReview(model, _)), _) => {
            let number = world.privacy.as_ref().map_or(0, |file| file.reviews).saturating_add(1);
            AggregateId::ReviewRequest(ReviewId { model: model.clone(), number })
        }
        _ => command.reads().into_iter().next().unwrap_or(AggregateId::Policy),
    }
}

fn new_entry(recorded: &Recorded, context: &Context, prev: Digest) -> Result<NewEntry, Refusal> {
    let unfit = |error: &dyn std::fmt::Display| {
        Refusal::invalid(vec![Missing::field(
            "size",
            format!("This does not fit into a ledger entry ({error}). Shorten the texts, or attach them as a file."),
        )])
    };
    let kind = match (context.principal.kind, context.principal.account.as_str()) {
        (_, "system") => ActorKind::System,
        (domain::account::AccountKind::Human, _) => ActorKind::Human,
        (domain::account::AccountKind::Service, _) => ActorKind::Service,
    };
    let mut evidence = recorded.event.evidence();
    evidence.sort_unstable();
    evidence.dedup();
    let entry = Entry {
        schema: SCHEMA,
        seq: recorded.seq,
        time: recorded.time,
        actor: Actor { id: recorded.actor.to_string(), kind },
        event: recorded.event.kind().to_owned(),
        subject: recorded.subject.subject(),
        payload: recorded.event.payload().map_err(|error| unfit(&error))?,
        evidence,
        prev,
    };
    let bytes = entry.to_bytes().map_err(|error| unfit(&error))?;
    let (model, version) = match &recorded.subject {
        AggregateId::Version(id) => (Some(id.model.to_string()), Some(id.number.get())),
        AggregateId::Model(model)
        | AggregateId::Triggers(model)
        | AggregateId::Deployment(model, _)
        | AggregateId::Dpia(model)
        | AggregateId::ReviewRequest(ReviewId { model, .. }) => (Some(model.to_string()), None),
        AggregateId::Account(_) | AggregateId::Campaign(_) | AggregateId::Policy | AggregateId::Webhooks => {
            (None, None)
        }
    };
    Ok(NewEntry {
        seq: recorded.seq,
        time: recorded.time,
        actor: recorded.actor.to_string(),
        event: recorded.event.kind(),
        model,
        version,
        hash: Digest::of(&bytes),
        bytes,
    })
}

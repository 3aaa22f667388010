// People, lineage and evidence files for journeys on an empty ledger.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { newPage, signIn } from './harness.mjs';

/** Everybody's password in a journey's own house. */
export const PASSWORD = 'a sentence for a journey';
/** Everybody's password in the demonstration. */
export const DEMO_PASSWORD = 'demo-passphrase-29';

/** People of the demonstration that journeys sign in as. */
export const DEMO = {
  validator: 'ana.validator@demo.example',
  privacy: 'lukas.privacy@demo.example',
  secondValidator: 'henrik.validator@demo.example',
  scientist: 'priya.scientist@demo.example',
  secondScientist: 'tomas.scientist@demo.example',
  auditor: 'samira.auditor@demo.example',
  admin: 'daniel.admin@demo.example',
  committee: 'ruth.committee@demo.example',
};

/** `sha256:` and the digest of some text. */
export const digest = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** A commit that belongs to some text. */
export const commit = (text) => createHash('sha1').update(text).digest('hex');

/** What the model looks at; the gate asks for expectations and drift of each. */
const FEATURES = ['income_monthly', 'debt_ratio', 'months_at_address'];

/** A complete lineage; `seed` makes it another one. */
export function lineage(seed, changes = {}) {
  return {
    code: { git_commit: commit(seed), repository: 'https://git.example/credit-scoring', image_digest: digest(`image ${seed}`) },
    data: { dataset: 'loan-applications', version: `2026-10-${seed}`, schema_digest: digest('schema') },
    model: { weights_digest: digest(`weights ${seed}`), architecture: 'gradient-boosted trees', framework: 'XGBoost 3.1.1' },
    features: { set_version: '7', names: FEATURES },
    hyperparameters: { max_depth: 6, learning_rate: 0.05 },
    training: { system: 'airflow', id: `run-${seed}`, random_seed: 42 },
    metrics: { auc: 0.812, ks: 0.44 },
    ...changes,
  };
}

const file = (name, mimeType, text) => ({ name, mimeType, buffer: Buffer.from(text) });

/** Test results as pytest writes them. */
export function junit(gitCommit, { failures = 0 } = {}) {
  const cases = ['test_monotonic_income', 'test_no_protected_features', 'test_scores_in_range'];
  const xml = cases.map((name, index) =>
    index < failures
      ? `<testcase classname="tests.unit" name="${name}" time="0.12"><failure message="assert 1 == 2">trace</failure></testcase>`
      : `<testcase classname="tests.unit" name="${name}" time="0.12"/>`);
  return file('unit.xml', 'text/xml',
    `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="${cases.length}" errors="0" failures="${failures}" skipped="0">`
    + `<properties><property name="git_commit" value="${gitCommit}"/></properties>${xml.join('')}</testsuite></testsuites>`);
}

/** A validation result as Great Expectations writes it. */
export function greatExpectations(rows = 120_000) {
  const results = FEATURES.map((column) => ({
    success: true,
    expectation_config: { type: 'expect_column_values_to_not_be_null', kwargs: { column } },
    result: { element_count: rows, unexpected_count: 0 },
    exception_info: { raised_exception: false, exception_message: null },
  }));
  const statistics = { evaluated_expectations: results.length, successful_expectations: results.length, unsuccessful_expectations: 0 };
  return file('data.json', 'application/json',
    JSON.stringify({ success: true, statistics, results, meta: { great_expectations_version: '1.5.8' } }));
}

/** An evaluation of the model with this weights digest. */
export function evaluation(weights) {
  const figures = [{ name: 'auc', value: 0.812, at_least: 0.78 }, { name: 'psi', value: 0.04, at_most: 0.1 }];
  return file('evaluation.json', 'application/json',
    JSON.stringify({ schema: 'countersign/evaluation@1', weights_digest: weights, figures }));
}

/** What a regulated model's gate to Staging asks for beyond tests, expectations and evaluation: path and file, all green. */
export function furtherChecks(seed) {
  const json = (name, value) => file(name, 'application/json', JSON.stringify(value));
  const columns = [`dataset,${FEATURES.join(',')}`];
  for (let row = 0; row < 300; row += 1) {
    const value = FEATURES.map((_, at) => (row * (37 + 4 * at)) % 300).join(',');
    columns.push(`reference,${value}`, `current,${value}`);
  }
  return [
    ['code', json('ruff.sarif', { version: '2.1.0', runs: [{ tool: { driver: { name: 'ruff' } }, results: [] }] })],
    ['code', json('image.json', [{
      Id: digest(`configuration ${seed}`), RepoDigests: [`registry.house.example/credit@${digest(`image ${seed}`)}`],
      Os: 'linux', Architecture: 'amd64', Size: 1000, RootFS: { Type: 'layers', Layers: [digest('layer')] }, Config: { Labels: {} },
    }])],
    ['data', file('columns.csv', 'text/csv', `${columns.join('\n')}\n`)],
    ['data', json('contract.json', {
      schema: 'countersign/contract@1', contract: 'loan-applications', checks: [{ name: 'income is there', result: 'passed' }],
    })],
    ['model', json('behaviour.json', {
      schema: 'countersign/behaviour@1', suite: 'credit', weights_digest: digest(`weights ${seed}`),
      tests: [{ capability: 'income', name: 'more income never lowers the score', type: 'DIR', n: 500, failures: 3 }],
    })],
  ];
}

/** Follows the one-time link that the server printed and makes the first administrator, who is then signed in on `page`. */
export async function firstAdministrator(page, server) {
  const link = /https?:\/\/\S+\/setup\/\S+/.exec(server.log())?.[0];
  assert.ok(link, `no one-time link in the log:\n${server.log()}`);
  const email = 'admin@house.example';
  await page.goto(server.url + new URL(link).pathname);
  await page.getByLabel('Your name').fill('Greta Adminsen');
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create the administrator' }).click();
  await signIn(page, { url: server.url, email, password: PASSWORD });
  return link;
}

/** Makes an account as the administrator on `admin`, and opens the invited person's own signed-in page. */
export async function invite(chromium, server, admin, { name, email, team, role }) {
  await admin.goto(`${server.url}/people`);
  await admin.getByLabel('Name', { exact: true }).fill(name);
  await admin.getByLabel('Person', { exact: true }).check();
  await admin.getByLabel('Email address').fill(email);
  await admin.getByLabel('Team').fill(team);
  await admin.locator('#create').getByLabel(role, { exact: true }).check();
  await admin.locator('#create').getByLabel('Your password').fill(PASSWORD);
  await admin.getByRole('button', { name: 'Create the account' }).click();
  const link = await admin.getByText('/setup/').first().innerText();
  const page = await newPage(chromium, { baseURL: server.url });
  await page.goto(server.url + new URL(link).pathname);
  await page.getByText(email).waitFor();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Save the password' }).click();
  await signIn(page, { url: server.url, email, password: PASSWORD });
  return page;
}

/** Fails with the page's own words if the last form was refused. */
export async function accepted(page) {
  const errors = page.locator('#errors');
  await page.getByText(/Recorded as entry|the version moved on/).or(errors).first().waitFor();
  assert.equal(await errors.count(), 0, (await errors.count()) ? await errors.innerText() : '');
}

/** Attaches a file on a version's evidence page. */
export async function attach(page, address, kind, upload) {
  await page.goto(`${address}/evidence`);
  await page.getByLabel('What the file is').selectOption(kind);
  await page.getByLabel('File', { exact: true }).setInputFiles(upload);
  await page.getByLabel('Made by').fill('ci.house.example/run/1');
  await page.getByRole('button', { name: 'Attach', exact: true }).click();
}

/** Attaches what the gate to Staging asks for. */
export async function attachAll(page, address, seed) {
  await attach(page, address, 'code', junit(commit(seed)));
  await accepted(page);
  await attach(page, address, 'data', greatExpectations());
  await accepted(page);
  await attach(page, address, 'model', evaluation(digest(`weights ${seed}`)));
  await accepted(page);
  for (const [path, upload] of furtherChecks(seed)) {
    await attach(page, address, path, upload);
    await accepted(page);
  }
}

/** Registers a model with the form; leaves `page` on the model's page. */
export async function registerModel(page, server, { name, title = name, tier = '1', profile = 'sr-11-7', markets = ['US', 'EU'] }) {
  await page.goto(`${server.url}/models/new`);
  await page.getByLabel('Registry name').fill(name);
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('Purpose').fill('Estimates the probability that an applicant defaults within 12 months.');
  await page.locator(`[name=tier][value="${tier}"]`).check();
  await page.locator(`[name=profile][value="${profile}"]`).check();
  for (const market of markets) await page.locator(`[name=markets][value="${market}"]`).check();
  await page.getByRole('button', { name: 'Register the model' }).click();
}

/** Registers a version from lineage as text; leaves `page` on the version's page. */
export async function registerVersion(page, server, model, text, note = 'Made by a journey.') {
  await page.goto(`${server.url}/models/${model}/versions/new`);
  await page.getByLabel('Or lineage as text').fill(text);
  await page.getByLabel('What is new').fill(note);
  await page.getByRole('button', { name: 'Register the version' }).click();
  await page.waitForLoadState();
}

/** Writes a validation report. */
export async function writeReport(page, address, outcome = 'approved') {
  await page.goto(`${address}/validation`);
  for (const area of await page.locator('#report textarea').all()) {
    await area.fill('Read and recomputed independently; agrees with the development documentation.');
  }
  await page.locator(`[name=outcome][value="${outcome}"]`).check();
  await page.getByRole('button', { name: 'Record the report' }).click();
}

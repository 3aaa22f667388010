// The whole first path: an empty house, a version on its way to Staging, an auditor who checks it all without the server.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { browser, newPage, noTrouble, shot, startServer } from './harness.mjs';
import { PASSWORD, accepted, attachAll, firstAdministrator, invite, lineage, registerModel, registerVersion, writeReport } from './story.mjs';

const program = process.env.COUNTERSIGN_BIN
  ?? join(resolve(dirname(fileURLToPath(import.meta.url)), '../..'), 'target/debug/countersign');
const MODEL = 'credit-default';

let chromium;
let server;
let folder;
const people = {};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-export-'));
  [chromium, server] = await Promise.all([browser(), startServer()]);
});
after(async () => {
  await chromium?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const address = (number) => `${server.url}/models/${MODEL}/versions/${number}`;

/** Runs `countersign verify` on a folder. */
function verify(path) {
  return new Promise((done) => {
    execFile(program, ['verify', path], (error, stdout, stderr) => done({ code: error?.code ?? 0, output: stdout + stderr }));
  });
}

/** Clicks what starts a download and stores the file. */
async function download(page, click, name) {
  const [started] = await Promise.all([page.waitForEvent('download'), click()]);
  const path = join(folder, name);
  await started.saveAs(path);
  return path;
}

test('promotion: an empty house gets its administrator and its people', async () => {
  const admin = await newPage(chromium, { baseURL: server.url });
  people.admin = admin;
  const link = await firstAdministrator(admin, server);
  await admin.getByRole('heading', { level: 1, name: 'Inbox' }).waitFor();

  const late = await newPage(chromium, { baseURL: server.url });
  await late.goto(server.url + new URL(link).pathname);
  await late.getByText('has been used or has expired').waitFor();

  people.scientist = await invite(chromium, server, admin, { name: 'Dara Scientist', email: 'dara@house.example', team: 'Credit', role: 'Data scientist' });
  people.colleague = await invite(chromium, server, admin, { name: 'Caro Colleague', email: 'caro@house.example', team: 'Credit', role: 'Data scientist' });
  people.validator = await invite(chromium, server, admin, { name: 'Vera Validator', email: 'vera@house.example', team: 'Model risk', role: 'MRM validator' });
  people.auditor = await invite(chromium, server, admin, { name: 'Otto Auditor', email: 'otto@house.example', team: 'Audit', role: 'Auditor' });
  for (const page of Object.values(people)) noTrouble(page);
});

test('promotion: a version with gaps in its lineage says each of them', async () => {
  const page = people.scientist;
  await registerModel(page, server, { name: MODEL, title: 'Credit default' });
  await page.getByRole('heading', { level: 1 }).getByText('Credit default').or(page.getByRole('heading', { level: 1, name: MODEL })).first().waitFor();

  const gaps = lineage('01');
  delete gaps.code.git_commit;
  delete gaps.model.weights_digest;
  gaps.training = {};
  await registerVersion(page, server, MODEL, JSON.stringify(gaps, null, 2));
  await accepted(page);
  const main = page.getByRole('main');
  for (const words of ['commit', 'weights', 'seed']) {
    assert.match((await main.innerText()).toLowerCase(), new RegExp(words), `the page does not name the missing ${words}`);
  }
  await shot(page, 'version-incomplete');

  await page.goto(`${address(1)}/lineage`);
  await page.getByRole('heading', { name: 'What the lineage lacks' }).waitFor();
  await page.locator('#amend summary').click();
  await page.getByLabel('Or lineage as text').fill(JSON.stringify(lineage('01'), null, 2));
  await page.getByRole('button', { name: 'Save the lineage' }).click();
  await accepted(page);
  await page.goto(`${address(1)}/lineage`);
  await page.getByText('The lineage is complete: this version can be rebuilt from it.').waitFor();
  noTrouble(page);
});

test('promotion: evidence of three paths, then the request', async () => {
  const page = people.scientist;
  await page.goto(address(1));
  assert.equal(await page.getByRole('button', { name: 'Ask for promotion to Staging' }).count(), 0, 'offered though evidence is missing');
  await attachAll(page, address(1), '01');
  await page.goto(address(1));
  assert.equal(await page.getByRole('button', { name: 'Ask for promotion to Staging' }).count(), 0, 'offered to its developer');
  await page.getByText('A colleague asks for it').waitFor();
  noTrouble(page);
  const colleague = people.colleague;
  await colleague.goto(address(1));
  await colleague.getByLabel('Why now').fill('Recalibrated after the autumn intake.');
  await colleague.getByRole('button', { name: 'Ask for promotion to Staging' }).click();
  await accepted(colleague);
  await colleague.getByText('Requested by').first().waitFor();
  await shot(colleague, 'version-requested');
  noTrouble(colleague);
});

test('promotion: the validator finds it, writes the report, reads the package and signs', async () => {
  const page = people.validator;
  await page.goto(`${server.url}/inbox`);
  await page.getByRole('main').getByRole('link', { name: /credit-default/i }).first().click();
  await page.waitForURL(/\/models\/credit-default\/versions\/1/);
  await writeReport(page, address(1));
  await accepted(page);

  await page.goto(address(1));
  await page.getByRole('link', { name: 'Review and sign' }).first().click();
  await page.getByRole('heading', { name: 'The package' }).waitFor();
  for (const part of ['Lineage', 'Evidence', 'Findings']) {
    await page.locator('#package').getByRole('heading', { name: part, exact: true, level: 3 }).waitFor();
  }
  const comment = 'Read in full; the thin-file segment is to be watched.';
  await page.locator('[name=meaning]').first().check();
  await page.getByLabel('Comment').fill(comment);
  await page.getByLabel('Your password').fill('not the password');
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  await page.locator('#errors').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'errors');
  assert.equal(await page.getByLabel('Comment').inputValue(), comment);
  assert.ok(await page.locator('[name=meaning]').first().isChecked());

  await page.getByLabel('Your password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  await page.getByRole('heading', { name: 'Signed and sealed' }).waitFor();
  const receipt = await page.getByRole('main').innerText();
  assert.match(receipt, /Entry \d+/);
  assert.match(receipt, /[0-9a-f]{64}/);
  assert.match(receipt, /the version is in Staging now/);
  await shot(page, 'receipt');

  await page.goto(address(1));
  await page.locator('.meta').getByText('Staging').first().waitFor();
  noTrouble(page);
});

test('promotion: the auditor changes nothing, compares, and verifies an entry in the browser', async () => {
  const page = people.auditor;
  const scientist = people.scientist;
  await registerVersion(scientist, server, MODEL, JSON.stringify(lineage('02', { parents: [1] }), null, 2), 'More recent data.');
  await accepted(scientist);

  await page.goto(`${server.url}/models/${MODEL}`);
  assert.equal(await page.getByRole('link', { name: /register/i }).count(), 0);
  const answer = await page.goto(`${server.url}/models/new`);
  assert.equal(answer.status(), 403);

  await page.goto(`${address(1)}/lineage`);
  await page.getByRole('heading', { name: 'What it was made of, and where it went' }).waitFor();
  await page.getByText('The graph as a table').click();
  await page.getByRole('region', { name: /Edges of the lineage graph/ }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Save the lineage' }).count(), 0);

  await page.goto(`${server.url}/models/${MODEL}/compare?a=1&b=2`);
  const compare = await page.getByRole('main').innerText();
  assert.match(compare, /git_commit|commit/i);
  await shot(page, 'compare');

  await page.goto(`${address(1)}/timeline`);
  await page.getByRole('main').getByText(/signed request 1 as MRM validator/).first().waitFor();
  await page.goto(`${server.url}/ledger?kind=promotion.signed`);
  await page.getByRole('table').getByRole('link', { name: /^\d+$/ }).first().click();
  await page.waitForURL(/\/ledger\/\d+$/);
  await page.getByRole('button', { name: 'Verify in this browser' }).click();
  await page.getByText('Verified, by this browser.').waitFor();
  await shot(page, 'entry-verified');
  noTrouble(page);
});

test('promotion: what the auditor takes away holds without the server, and tampering is found', async () => {
  const page = people.auditor;
  await page.goto(`${server.url}/reports`);
  await page.locator('#version').fill('1');
  // A browser shows it or stores it, as it is set; the bytes are asked for once more, by the same person.
  const [shown] = await Promise.all([
    page.waitForResponse((response) => response.headers()['content-type'] === 'application/pdf'),
    page.getByRole('button', { name: 'Make the PDF' }).click(),
  ]);
  const pdf = await page.request.get(shown.url());
  assert.equal((await pdf.body()).subarray(0, 4).toString(), '%PDF');
  await page.goto(`${server.url}/reports`);

  const tar = await download(page, () => page.getByRole('link', { name: 'With evidence (tar)' }).click(), 'ledger.tar');
  const unpacked = await mkdtemp(join(folder, 'ledger-'));
  execFileSync('tar', ['-xf', tar, '-C', unpacked]);
  const inside = await readdir(unpacked);
  const ledger = inside.includes('checkpoint') ? unpacked : join(unpacked, inside[0]);

  const good = await verify(ledger);
  assert.equal(good.code, 0, good.output);

  const entries = join(ledger, 'tile/entries/000.p');
  const [partial] = await readdir(entries).catch(() => []);
  const tile = partial ? join(entries, partial) : join(ledger, 'tile/entries/000');
  const handle = await open(tile, 'r+');
  const { size } = await handle.stat();
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, Math.floor(size / 2));
  byte[0] ^= 1;
  await handle.write(byte, 0, 1, Math.floor(size / 2));
  await handle.close();
  const bad = await verify(ledger);
  assert.equal(bad.code, 1, bad.output);
  noTrouble(page);
});

// What must not happen, tried by hand: each refusal says its rule, and nothing that was typed is lost.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { browser, newPage, noTrouble, shot, signIn, startServer } from './harness.mjs';
import { DEMO, DEMO_PASSWORD, accepted, attach, attachAll, commit, greatExpectations, junit, lineage, registerModel, registerVersion, writeReport } from './story.mjs';

let chromium;
let server;
const people = {};

before(async () => {
  [chromium, server] = await Promise.all([browser(), startServer({ demo: true })]);
  for (const who of ['scientist', 'secondScientist', 'validator', 'auditor', 'admin']) {
    people[who] = await newPage(chromium, { baseURL: server.url });
    await signIn(people[who], { url: server.url, email: DEMO[who], password: DEMO_PASSWORD });
  }
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

const address = (model, number = 1) => `${server.url}/models/${model}/versions/${number}`;

/** A regulated model with one version that waits for its signature. */
async function waiting(model) {
  const page = people.scientist;
  await registerModel(page, server, { name: model });
  await registerVersion(page, server, model, JSON.stringify(lineage(model)));
  await accepted(page);
  await attachAll(page, address(model), model);
  const colleague = people.secondScientist;
  await colleague.goto(address(model));
  await colleague.getByLabel('Why now').fill('Ready.');
  await colleague.getByRole('button', { name: 'Ask for promotion to Staging' }).click();
  await accepted(colleague);
  await writeReport(people.validator, address(model));
  await accepted(people.validator);
}

/** Sends a form as the page itself could; answers with status and text. */
function post(page, path, fields) {
  return page.evaluate(async ([target, body]) => {
    const answer = await fetch(target, { method: 'POST', body: new URLSearchParams(body) });
    return { status: answer.status, text: await answer.text() };
  }, [path, fields]);
}

async function fillSignature(page, password = DEMO_PASSWORD) {
  await page.locator('[name=meaning]').first().check();
  await page.getByLabel('Comment').fill('A comment that must not be lost.');
  await page.getByLabel('Your password').fill(password);
}

/** The summary has the focus and says something like `words`. */
async function refused(page, words) {
  const errors = page.locator('#errors');
  await errors.waitFor();
  assert.match(await errors.innerText(), words);
  await page.waitForFunction(() => document.activeElement?.id === 'errors');
}

test('refusals: nobody signs what they asked for, even in the right role', async () => {
  await waiting('own-request');
  const { admin, scientist } = people;
  await admin.goto(`${server.url}/people`);
  const row = admin.getByRole('row').filter({ hasText: DEMO.scientist });
  await row.getByText('Change').click();
  await row.getByLabel('MRM validator').check();
  await row.getByLabel('Your password').fill(DEMO_PASSWORD);
  await row.getByRole('button', { name: 'Save roles' }).click();
  await accepted(admin);

  await scientist.goto(`${address('own-request')}/sign?request=1`);
  await scientist.getByText('You cannot sign this version').waitFor();
  assert.equal(await scientist.getByRole('button', { name: 'Sign', exact: true }).count(), 0);
  const validator = people.validator;
  await validator.goto(`${address('own-request')}/sign?request=1`);
  const fields = await validator.evaluate(() => Object.fromEntries(['package_digest', 'slot', 'meaning'].map((name) => [name, document.querySelector(`[name=${name}]`).value])));
  const answer = await post(scientist, `${address('own-request')}/sign`, { request: '1', ...fields, comment: '', password: DEMO_PASSWORD });
  assert.equal(answer.status, 403);
  assert.match(answer.text, /different people/);

  await admin.goto(`${server.url}/people`);
  await row.getByText('Change').click();
  await row.getByLabel('MRM validator').uncheck();
  await row.getByLabel('Your password').fill(DEMO_PASSWORD);
  await row.getByRole('button', { name: 'Save roles' }).click();
  await accepted(admin);
});

test('refusals: a skipped stage is not offered, and refused when sent by hand', async () => {
  const page = people.scientist;
  await registerModel(page, server, { name: 'skipper' });
  await registerVersion(page, server, 'skipper', JSON.stringify(lineage('skipper')));
  await accepted(page);
  await page.goto(address('skipper'));
  assert.equal(await page.getByRole('heading', { name: /^To (Shadow|Canary|Production)/ }).count(), 0);
  const answer = await post(page, `${address('skipper')}/requests`, { target: 'production', market: 'US', reason: 'now' });
  assert.equal(answer.status, 422);
  assert.match(answer.text, /Staging/);
  const unknown = await post(page, `${address('skipper')}/requests`, { target: 'paradise', market: '', reason: 'now' });
  assert.equal(unknown.status, 422);
  await page.goto(address('skipper'));
  assert.equal(await page.getByText('Requested by').count(), 0);
});

test('refusals: a package that changed between reading and signing is not signed', async () => {
  await waiting('stale-package');
  const { scientist, validator } = people;
  await validator.goto(`${address('stale-package')}/sign?request=1`);
  await fillSignature(validator);
  const digest = await validator.locator('[name=package_digest]').inputValue();
  await attach(scientist, address('stale-package'), 'data', greatExpectations(120_001));
  await accepted(scientist);
  await validator.getByRole('button', { name: 'Sign', exact: true }).click();
  await refused(validator, /changed|stale|not the one|differs/i);
  assert.equal(await validator.getByLabel('Comment').inputValue(), 'A comment that must not be lost.');
  assert.notEqual(await validator.locator('[name=package_digest]').inputValue(), digest);
  await fillSignature(validator);
  await validator.getByRole('button', { name: 'Sign', exact: true }).click();
  await validator.getByRole('heading', { name: 'Signed and sealed' }).waitFor();
});

test('refusals: a reader is told when the page is overtaken, without a reload', async () => {
  const { scientist, validator } = people;
  await validator.goto(address('stale-package'));
  await attach(scientist, address('stale-package'), 'data', greatExpectations(120_002));
  await accepted(scientist);
  await validator.locator('[data-live]').getByText(/Attached a Great Expectations result/).waitFor();
  await validator.getByRole('link', { name: 'Load the page again' }).waitFor();
});

test('refusals: a declined request closes with its reason', async () => {
  await waiting('declined');
  const { validator, scientist } = people;
  await validator.goto(`${address('declined')}/sign?request=1`);
  await validator.getByText('Decline the request').click();
  await validator.getByLabel('Why', { exact: true }).fill('The thin-file segment needs its own evaluation.');
  await validator.getByRole('button', { name: 'Decline', exact: true }).click();
  await accepted(validator);
  await scientist.goto(address('declined'));
  await scientist.getByText('The thin-file segment needs its own evaluation').first().waitFor();
});

test('refusals: names with markup and endless fields are refused, and kept in the form', async () => {
  const page = people.scientist;
  const name = '<script>alert(1)</script>';
  await registerModel(page, server, { name, title: 'A title that stays' });
  await refused(page, /name/i);
  assert.equal(await page.getByLabel('Registry name').inputValue(), name);
  assert.equal(await page.getByLabel('Title').inputValue(), 'A title that stays');
  assert.equal(await page.getByLabel('Registry name').getAttribute('aria-invalid'), 'true');
  await shot(page, 'refused-form');

  const long = 'x'.repeat(10_000);
  await registerModel(page, server, { name: 'long-title', title: long });
  await refused(page, /title|characters/i);
  assert.equal(await page.getByRole('textbox', { name: 'Title' }).inputValue(), long);

  const markup = '<img src=x onerror=alert(1)> & <b>bold</b>';
  await registerModel(page, server, { name: 'markup', title: markup });
  await page.getByText(markup).first().waitFor();
  noTrouble(page);
});

test('refusals: a broken lineage says where, and keeps the text', async () => {
  const page = people.scientist;
  await registerModel(page, server, { name: 'lineage-trouble' });
  const broken = '{ "code": { "git_commit": "abc" ';
  await registerVersion(page, server, 'lineage-trouble', broken);
  await refused(page, /line 1 column/);
  assert.equal(await page.getByLabel('Or lineage as text').inputValue(), broken);
  const malformed = JSON.stringify(lineage('m', { model: { weights_digest: 'sha256:1234', architecture: 'a', framework: 'b' } }));
  await registerVersion(page, server, 'lineage-trouble', malformed);
  await refused(page, /digest|hexadecimal|sha256/i);
});

test('refusals: test results of another commit are not evidence', async () => {
  const page = people.scientist;
  await attach(page, address('skipper'), 'code', junit(commit('another')));
  await refused(page, /commit/i);
  assert.equal(await page.getByLabel('Made by').inputValue(), 'ci.house.example/run/1');
});

test('refusals: two people act on one state; the second is told', async () => {
  const page = people.scientist;
  await registerModel(page, server, { name: 'race' });
  await registerVersion(page, server, 'race', JSON.stringify(lineage('race')));
  await accepted(page);
  const other = await newPage(chromium, { baseURL: server.url });
  await signIn(other, { url: server.url, email: DEMO.scientist, password: DEMO_PASSWORD });
  for (const reader of [page, other]) {
    await reader.goto(`${address('race')}/lineage`);
    await reader.locator('#amend summary').click();
  }
  await page.getByLabel('Or lineage as text').fill(JSON.stringify(lineage('race', { metrics: { auc: 0.9 } })));
  await page.getByRole('button', { name: 'Save the lineage' }).click();
  await accepted(page);
  const second = JSON.stringify(lineage('race', { metrics: { auc: 0.1 } }));
  await other.getByLabel('Or lineage as text').fill(second);
  const [answer] = await Promise.all([
    other.waitForResponse((response) => response.request().method() === 'POST'),
    other.getByRole('button', { name: 'Save the lineage' }).click(),
  ]);
  assert.equal(answer.status(), 409);
  await refused(other, /revision|changed|meanwhile|since/i);
  assert.equal(await other.getByLabel('Or lineage as text').inputValue(), second);
});

test('refusals: an auditor reads and changes nothing', async () => {
  const page = people.auditor;
  for (const path of ['/models/new', '/models/skipper/versions/new']) {
    const answer = await page.goto(server.url + path);
    assert.equal(answer.status(), 403, path);
    await page.getByRole('heading', { level: 1 }).waitFor();
  }
  const answers = [
    await post(page, '/models', { name: 'by-auditor', title: 't', purpose: 'p', tier: '1', profile: 'sr-11-7', markets: 'US' }),
    await post(page, `${address('skipper')}/archive`, { archive_reason: 'no' }),
    await post(page, '/people', { name: 'x', kind: 'human', email: 'x@x.example', roles: 'auditor' }),
  ];
  assert.deepEqual(answers.map((answer) => answer.status), [403, 403, 403]);
});

test('refusals: a form on another site moves nothing', async () => {
  const evil = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Elsewhere</title><form method="post" action="${address('skipper')}/archive"><input name="archive_reason" value="gone"><button>Win</button></form>`);
  });
  await new Promise((done) => evil.listen(0, '127.0.0.1', done));
  try {
    const page = await people.scientist.context().newPage();
    await page.goto(`http://127.0.0.1:${evil.address().port}/`);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === 'POST'),
      page.getByRole('button', { name: 'Win' }).click(),
    ]);
    assert.equal(answer.status(), 403);
    await page.close();
  } finally {
    evil.close();
  }
  await people.scientist.goto(address('skipper'));
  assert.equal(await people.scientist.getByText('Archived', { exact: true }).count(), 0);
});

test('refusals: unknown places are pages too', async () => {
  const page = people.auditor;
  for (const path of ['/nowhere', '/models/no-such-model', '/models/skipper/versions/99', '/ledger/999999']) {
    const answer = await page.goto(server.url + path);
    assert.equal(answer.status(), 404, path);
    await page.getByRole('link', { name: 'Models' }).first().waitFor();
  }
  noTrouble(page);
});

test('refusals: guessing a password is slowed down', async () => {
  const page = await newPage(chromium, { baseURL: server.url });
  let status = 0;
  for (let attempt = 0; attempt < 60 && status !== 429; attempt += 1) {
    await page.goto(`${server.url}/sign-in`);
    await page.getByLabel('Email address').fill(DEMO.admin);
    await page.getByLabel('Password').fill(`guess ${attempt}`);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === 'POST'),
      page.getByRole('button', { name: 'Sign in' }).click(),
    ]);
    status = answer.status();
    assert.ok([401, 429].includes(status), `status ${status}`);
  }
  assert.equal(status, 429);
  await page.getByText('Too many attempts').first().waitFor();
});

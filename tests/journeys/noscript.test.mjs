// The same work with scripting off: nothing that matters needs it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, newPage, shot, signIn, startServer } from './harness.mjs';
import { DEMO, DEMO_PASSWORD, accepted, attachAll, lineage, registerModel, registerVersion, writeReport } from './story.mjs';

const MODEL = 'without-script';
let chromium;
let server;

before(async () => {
  [chromium, server] = await Promise.all([browser(), startServer({ demo: true })]);
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

async function person(email) {
  const page = await newPage(chromium, { baseURL: server.url, javaScriptEnabled: false });
  await signIn(page, { url: server.url, email, password: DEMO_PASSWORD });
  return page;
}

test('noscript: register, attach, request, report, sign, all by plain forms', async () => {
  const address = `${server.url}/models/${MODEL}/versions/1`;
  const scientist = await person(DEMO.scientist);
  await registerModel(scientist, server, { name: MODEL });
  await registerVersion(scientist, server, MODEL, JSON.stringify(lineage(MODEL)));
  await accepted(scientist);
  await attachAll(scientist, address, MODEL);
  const colleague = await person(DEMO.secondScientist);
  await colleague.goto(address);
  await colleague.getByLabel('Why now').fill('Ready.');
  await colleague.getByRole('button', { name: 'Ask for promotion to Staging' }).click();
  await accepted(colleague);

  const validator = await person(DEMO.validator);
  await validator.goto(`${server.url}/inbox`);
  await validator.getByRole('link', { name: new RegExp(MODEL) }).first().waitFor();
  await writeReport(validator, address);
  await accepted(validator);
  await validator.goto(address);
  await validator.getByRole('link', { name: 'Review and sign' }).first().click();
  await validator.locator('[name=meaning]').first().check();
  await validator.getByLabel('Your password').fill('wrong on purpose');
  await validator.getByRole('button', { name: 'Sign', exact: true }).click();
  await validator.locator('#errors').waitFor();
  await validator.getByLabel('Your password').fill(DEMO_PASSWORD);
  await validator.getByRole('button', { name: 'Sign', exact: true }).click();
  await validator.getByRole('heading', { name: 'Signed and sealed' }).waitFor();
  await shot(validator, 'noscript-receipt');
});

test('noscript: an entry reads in full and says how to check it', async () => {
  const auditor = await person(DEMO.auditor);
  await auditor.goto(`${server.url}/ledger/3`);
  await auditor.getByRole('heading', { name: 'Canonical JSON' }).waitFor();
  assert.equal(await auditor.getByRole('button', { name: 'Verify in this browser' }).count(), 0, 'a button that does nothing');
  await auditor.getByText('Without this browser').click();
  await auditor.getByText('countersign verify').first().waitFor();
});

test('noscript: the theme is kept', async () => {
  const page = await person(DEMO.auditor);
  await page.goto(`${server.url}/models?q=credit`);
  await page.getByRole('button', { name: 'Dark' }).click();
  await page.waitForURL(/q=credit/);
  await page.locator('html[data-theme=dark]').waitFor();
  await page.getByRole('button', { name: 'System' }).click();
  await page.locator('html:not([data-theme])').waitFor();
});

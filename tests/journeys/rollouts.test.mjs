// The kill switch and what follows it, by hand, with scripting off: two steps, a reason, a review by somebody else, lifted.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, newPage, noTrouble, signIn, startServer } from './harness.mjs';
import { DEMO, DEMO_PASSWORD } from './story.mjs';

let chromium;
let server;
before(async () => {
  [chromium, server] = await Promise.all([browser(), startServer({ demo: true })]);
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

async function as(who) {
  const page = await newPage(chromium, { javaScriptEnabled: false });
  await signIn(page, { url: server.url, email: DEMO[who], password: DEMO_PASSWORD });
  return page;
}

test('rollouts: from the list to a market, its steps, strikes and measured figures', async () => {
  const page = await as('auditor');
  await page.getByRole('link', { name: 'Rollouts' }).first().click();
  await page.getByRole('row', { name: /streamrec US/ }).getByRole('link', { name: 'streamrec' }).click();
  await page.getByRole('heading', { name: 'streamrec in US' }).waitFor();
  assert.match(await page.getByRole('region', { name: 'Table: Shares of users' }).innerText(), /v3[\s\S]*10 %[\s\S]*v2[\s\S]*90 %/);
  assert.match(await page.locator('#rollout').innerText(), /Strike 1[\s\S]*Error rate is 0.0174/);
  const chart = page.locator('#rollout').getByRole('img', { name: 'Error rate', exact: true });
  assert.match(await chart.locator('desc').textContent(), /Error rate in 3 windows/);
  assert.equal(await page.getByRole('link', { name: 'Use the kill switch' }).count(), 0, 'an auditor changes nothing');
  noTrouble(page);
});

test('rollouts: the kill switch takes two steps and a reason; lifting it takes a review by somebody else', async () => {
  const scientist = await as('scientist');
  await scientist.goto(`${server.url}/rollouts/streamrec/US`);
  await scientist.getByRole('link', { name: 'Use the kill switch' }).click();
  await scientist.getByLabel('Why').fill('   ');
  await scientist.getByRole('button', { name: 'Switch off now' }).click();
  assert.match(await scientist.getByRole('alert').innerText(), /must not be empty/);
  await scientist.getByLabel('Why').fill('Complaints about repeated titles.');
  await scientist.getByRole('button', { name: 'Switch off now' }).click();
  await scientist.getByRole('heading', { name: 'The kill switch is in use', exact: true }).waitFor();
  assert.match(await scientist.getByRole('region', { name: 'Table: Shares of users' }).innerText(), /Fallback “rules”[\s\S]*100 %/);
  assert.equal(await scientist.getByRole('button', { name: 'It may serve again' }).count(), 0, 'who used it does not review it');

  const validator = await as('validator');
  await validator.goto(`${server.url}/rollouts?state=off`);
  await validator.getByRole('link', { name: 'streamrec' }).first().click();
  await validator.getByLabel('Your password').fill(DEMO_PASSWORD);
  await validator.getByLabel('What the review found').fill('A cache served yesterday’s list; it is cleared.');
  await validator.getByRole('button', { name: 'It may serve again' }).click();
  await scientist.reload();
  await scientist.getByLabel('Why now').fill('Reviewed, cache cleared.');
  await scientist.getByRole('button', { name: 'Lift the kill switch' }).click();
  assert.match(await scientist.getByRole('region', { name: 'Table: Shares of users' }).innerText(), /v2[\s\S]*90 %/);
  for (const page of [scientist, validator]) noTrouble(page);
});

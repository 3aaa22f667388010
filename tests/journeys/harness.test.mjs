// The harness itself: its questions must be able to say no, or the journeys' yes means nothing.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { axeClean, browser, fitsWidth, newPage, noTrouble, shot, startServer } from './harness.mjs';

const good = '<!doctype html><html lang="en"><title>Good</title><main><h1>Good</h1><p>Text.</p></main></html>';
const bad = '<!doctype html><html><title>Bad</title><main><h1>Bad</h1><input><p style="width:3000px">Text.</p></main></html>';

let chromium;
before(async () => {
  chromium = await browser();
});
after(() => chromium?.close());

test('harness: axe passes a good page and names what is wrong with a bad one', async () => {
  const page = await newPage(chromium);
  await page.setContent(good);
  await axeClean(page);
  await fitsWidth(page);
  await page.setContent(bad);
  await assert.rejects(axeClean(page), (error) => /html-has-lang/.test(error.message) && /label/.test(error.message));
  await assert.rejects(fitsWidth(page), /px wide/);
});

test('harness: an uncaught error and a foreign request are trouble', async () => {
  const page = await newPage(chromium, { baseURL: 'http://127.0.0.1:9' });
  await page.setContent(good);
  noTrouble(page);
  await page.evaluate(() => setTimeout(() => { throw new Error('on purpose'); }, 0));
  await page.evaluate(() => fetch('http://127.0.0.2:9/').catch(() => 0));
  assert.ok(page.trouble.some((line) => line === 'uncaught: on purpose'), page.trouble.join('; '));
  assert.ok(page.trouble.some((line) => line.startsWith('request to another origin')), page.trouble.join('; '));
  assert.throws(() => noTrouble(page));
});

test('harness: screenshots are stored', async () => {
  const page = await newPage(chromium);
  await page.setContent(good);
  const { size } = await stat(await shot(page, 'harness'));
  assert.ok(size > 1000);
});

test('harness: a server that ends at once is reported with its words', async () => {
  await assert.rejects(startServer({ args: ['--no-such-argument'] }), /no server .*(ended with|could not be started)/s);
});

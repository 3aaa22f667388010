// What the journeys share: a server of their own with a throw-away data folder, a browser, and questions every page must pass.
//
// `cargo xtask test` sets COUNTERSIGN_BIN, CHROMIUM and COUNTERSIGN_SCREENSHOTS; by hand, `node --test *.test.mjs` in this folder
// finds target/debug/countersign and /usr/bin/chromium.

import { AxeBuilder } from '@axe-core/playwright';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const program = process.env.COUNTERSIGN_BIN ?? join(root, 'target/debug/countersign');
const screenshots = process.env.COUNTERSIGN_SCREENSHOTS ?? join(root, 'target/screenshots');

/** How long a server may take until it answers; a demo ledger is written before that. */
const START_LIMIT_MS = 60_000;
/** How long a server may take to end after SIGTERM before it is killed. */
const STOP_LIMIT_MS = 10_000;
/** How long Playwright waits for an element or a page. */
const ACTION_LIMIT_MS = 10_000;

/** The rules of WCAG 2.2 AA and what axe calls good practice. */
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

// A test that fails before its `stop` must leave neither a server nor a folder behind.
const running = new Set();
process.on('exit', () => {
  for (const { child, throwAway } of running) {
    child.kill('SIGKILL');
    if (throwAway) rmSync(throwAway, { recursive: true, force: true, maxRetries: 3 });
  }
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => process.exit(1));
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort() {
  const probe = createServer();
  await new Promise((done, fail) => probe.once('error', fail).listen(0, '127.0.0.1', done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

/**
 * Starts `countersign serve` on a free port and waits until it answers `GET /healthz` with 200.
 *
 * `data`: the data folder; by default a new one that `stop` removes. Hand one over to start a second server on the same data.
 * `args`: further arguments of `serve`. `env`: further environment.
 *
 * Returns `url` (no slash at its end), `data`, `log()` (all that the server wrote so far), `kill()` (SIGKILL, data kept) and
 * `stop()` (in order, data removed unless it was handed over).
 */
export async function startServer({ demo = false, data, args = [], env = {} } = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'countersign-journey-')));
  const port = await freePort();
  const child = spawn(
    program,
    ['serve', '--data', folder, '--listen', `127.0.0.1:${port}`, ...(demo ? ['--demo'] : []), ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  );
  const entry = { child, throwAway: data === undefined ? folder : undefined };
  running.add(entry);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => (output += text));
  }
  let failure;
  const ended = new Promise((done) => {
    child.once('error', (error) => {
      failure = error;
      done();
    });
    child.once('close', done);
  });
  const alive = () => failure === undefined && child.exitCode === null && child.signalCode === null;

  // While it only serves, it must not keep a failed test file from ending; while it is being ended, it must.
  const handles = [child, child.stdout, child.stderr];
  async function end(signal) {
    for (const handle of handles) handle.ref();
    if (alive()) child.kill(signal);
    const limit = new AbortController();
    const gone = await Promise.race([
      ended.then(() => true),
      sleep(STOP_LIMIT_MS, false, { signal: limit.signal }).catch(() => true),
    ]);
    limit.abort();
    if (!gone) {
      child.kill('SIGKILL');
      await ended;
    }
    return gone;
  }
  async function removeData() {
    if (data === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    running.delete(entry);
  }
  async function stop() {
    const inOrder = await end('SIGTERM');
    await removeData();
    assert.ok(inOrder, `the server did not end within ${STOP_LIMIT_MS / 1000} s of SIGTERM:\n${output}`);
  }

  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_LIMIT_MS;
  while (alive() && Date.now() < deadline) {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.status === 200) {
      for (const handle of handles) handle.unref();
      return { url, data: folder, log: () => output, kill: () => end('SIGKILL'), stop };
    }
    await sleep(50);
  }
  let why = 'it did not answer in time';
  if (failure) why = `it could not be started: ${failure.message}`;
  else if (!alive()) why = `it ended with ${child.exitCode ?? child.signalCode}`;
  await end('SIGKILL');
  await removeData();
  throw new Error(`no server (${program}): ${why}\n${output}`);
}

/** Starts the system's Chromium, without the services that would call home. Close it after the last test of a file. */
export function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    timeout: 60_000,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
    ],
  });
}

/**
 * A page in a context of its own (its own cookies), so that two people can be signed in at once.
 *
 * `options` are Playwright's for a context: `baseURL`, `javaScriptEnabled`, `colorScheme`, `viewport`, …
 * `page.trouble` collects what went wrong unseen: uncaught errors, console errors (a broken Content-Security-Policy too) and
 * requests to other origins. Ask with `noTrouble(page)`.
 */
export async function newPage(chromiumBrowser, options = {}) {
  const context = await chromiumBrowser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(ACTION_LIMIT_MS);
  const page = await context.newPage();
  page.trouble = [];
  page.on('pageerror', (error) => page.trouble.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    // Chromium reports every answer of 400 and above here; journeys ask for refusals on purpose and check the answer itself.
    const refusedRequest = message.text().startsWith('Failed to load resource: the server responded with a status of 4');
    if (message.type() === 'error' && !refusedRequest) page.trouble.push(`console: ${message.text()}`);
  });
  if (options.baseURL) {
    const home = new URL(options.baseURL).origin;
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== home) page.trouble.push(`request to another origin: ${request.url()}`);
    });
  }
  return page;
}

/** Fails if the page had an uncaught error, an error on its console, or asked another origin for something. */
export function noTrouble(page) {
  assert.deepEqual(page.trouble, []);
}

/**
 * Fails with one line per violation that axe finds on the page as it is now. Needs scripting in the page.
 * `exclude`: selectors of parts to leave out, with a reason beside the call.
 */
export async function axeClean(page, { exclude = [] } = {}) {
  let axe = new AxeBuilder({ page }).withTags(AXE_TAGS);
  for (const selector of exclude) axe = axe.exclude(selector);
  const { violations } = await axe.analyze();
  const lines = violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.target.join(' ')}\n    ${node.html.slice(0, 200)}\n    ${(node.failureSummary ?? '').replaceAll('\n', ' ')}`),
  );
  assert.equal(lines.length, 0, `axe finds on ${page.url()}:\n${lines.join('\n')}`);
}

/** Fails if the page scrolls sideways at its present width. */
export async function fitsWidth(page) {
  const { wide, room } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    room: document.documentElement.clientWidth,
  }));
  assert.ok(wide <= room, `${page.url()} is ${wide} px wide in a window of ${room} px`);
}

/** Signs in through the form, as a person would, and waits until the form is left behind. `url` is the server's. */
export async function signIn(page, { url = '', email, password }) {
  await page.goto(`${url}/sign-in`);
  await page.getByLabel('Email', { exact: false }).fill(email);
  await page.getByLabel('Password', { exact: false }).fill(password);
  await Promise.all([
    page.waitForURL((address) => !address.pathname.startsWith('/sign-in')),
    page.getByRole('button', { name: 'Sign in' }).click(),
  ]);
}

/** Stores the whole page as `target/screenshots/NAME.png` and returns the file's path. */
export async function shot(page, name) {
  await mkdir(screenshots, { recursive: true });
  const path = join(screenshots, `${name}.png`);
  await page.screenshot({ path, fullPage: true, animations: 'disabled' });
  return path;
}

// Every page of the demonstration: WCAG 2.2 AA by axe, light and dark, wide and narrow; keyboard; weight.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeClean, browser, fitsWidth, newPage, noTrouble, shot, signIn, startServer } from './harness.mjs';
import { DEMO, DEMO_PASSWORD } from './story.mjs';

/** All that the browser may load for the first page and the one behind it. */
const FIRST_PAGES_BYTES = 200 * 1024;

let chromium;
let server;
before(async () => {
  [chromium, server] = await Promise.all([browser(), startServer({ demo: true })]);
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

const V = '/models/credit-default/versions/3';
const PAGES = {
  nobody: ['/sign-in', '/setup/spent', '/docs/api', '/nowhere'],
  validator: [
    '/inbox', '/models', '/models?q=nothing-like-it', '/models/credit-default', '/models/streamrec', V, `${V}/lineage`, `${V}/evidence`,
    `${V}/validation`, `${V}/timeline`, `${V}/sign?request=2`, '/models/credit-default/versions/2/validation',
    '/models/credit-default/compare?a=1&b=3', '/rollouts', '/rollouts?state=off', '/rollouts/streamrec/US', '/rollouts/streamrec/EU',
    '/rollouts/churn-telecom/US', '/rollouts/ticket-router/US', '/rollouts/streamrec/US/kill', '/account', '/people/tokens', '/models/no-such-model',
    '/models/credit-default/inventory', '/campaigns', '/campaigns/1', '/policy',
    '/models/credit-default/versions/1/evidence', '/models/ticket-router/versions/1/evidence', '/triggers', '/models/streamrec/triggers',
    '/models/churn-telecom/versions/2/drift',
  ],
  scientist: [
    '/inbox', '/models/new', '/models/credit-default/versions/new', '/models/credit-default/versions/4',
    '/models/credit-default/versions/4/lineage', '/models/credit-default/versions/4/evidence', '/models/churn-telecom/versions/1',
  ],
  auditor: ['/inbox', '/ledger', '/ledger?kind=promotion.signed', '/ledger/0', '/ledger/12', '/as-of', '/as-of?at=2026-11-01&model=credit-default', '/reports', V],
  admin: ['/people', '/policy'],
  committee: ['/models/fraud-screen/versions/2/validation', '/models/fraud-screen/versions/2/sign?request=6'],
  privacy: [
    '/privacy', '/privacy/models/streamrec', '/privacy/models/credit-default', '/privacy/models/credit-default/edit',
    '/privacy/models/credit-default/safeguards', '/privacy/reviews', '/privacy/reviews/credit-default/2', '/privacy/erasures',
  ],
};

const signedIn = async (who, options = {}) => {
  // Colours on their way from one scheme to the other are nobody's to read.
  const page = await newPage(chromium, { baseURL: server.url, reducedMotion: 'reduce', ...options });
  if (who !== 'nobody') await signIn(page, { url: server.url, email: DEMO[who], password: DEMO_PASSWORD });
  return page;
};

for (const [who, paths] of Object.entries(PAGES)) {
  test(`accessibility: the pages of ${who}, in both schemes and widths`, async () => {
    const page = await signedIn(who);
    const troubles = [];
    for (const path of paths) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.goto(server.url + path);
      // Folded parts are read too.
      await page.evaluate(() => document.querySelectorAll('main details:not(.api)').forEach((details) => { details.open = true; }));
      for (const width of [1280, 360, 320]) {
        await page.setViewportSize({ width, height: 900 });
        await fitsWidth(page).catch((error) => troubles.push(error.message));
        if (width === 320) continue;
        for (const colorScheme of ['light', 'dark']) {
          await page.emulateMedia({ colorScheme });
          await axeClean(page).catch((error) => troubles.push(`${width} ${colorScheme} ${error.message}`));
        }
        await shot(page, `page-${who}${path.replace(/[^a-z0-9]+/gi, '-')}-${width}`);
      }
    }
    assert.equal(troubles.length, 0, troubles.join('\n\n'));
    noTrouble(page);
  });
}

/** Goes through the page by Tab; answers with what was reached and whether the focus showed. */
async function tabStops(page, limit = 400) {
  const stops = [];
  for (let step = 0; step < limit; step += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const at = document.activeElement;
      if (!at || at === document.body) return undefined;
      const box = at.getBoundingClientRect();
      const style = getComputedStyle(at);
      // A link in a drawing shows the focus on its frame.
      const shows = style.outlineStyle !== 'none' || Boolean(at.closest('svg'));
      return { name: (at.getAttribute('aria-label') ?? at.textContent ?? '').trim() || at.name || at.id, tag: at.tagName.toLowerCase(), shows, seen: box.width > 0 && box.height > 0 };
    });
    if (!stop) break;
    stops.push(stop);
  }
  return stops;
}

test('accessibility: the keyboard reaches every action, and shows where it is', async () => {
  const page = await signedIn('validator');
  const expected = [['/inbox', /sign/i], [V, /Review and sign/], [`${V}/sign?request=2`, /^Sign$/], ['/ledger/12', /Verify in this browser/]];
  for (const [path, action] of expected) {
    await page.goto(server.url + path);
    if (path.startsWith('/ledger/')) await page.getByRole('button', { name: 'Verify in this browser' }).waitFor();
    const stops = await tabStops(page);
    assert.equal(stops[0]?.name, 'Skip to content', path);
    assert.ok(stops.some((stop) => action.test(stop.name)), `${path}: ${action} is not reached: ${stops.map((stop) => stop.name).join(' | ')}`);
    const unseen = stops.filter((stop) => !stop.shows || !stop.seen);
    assert.deepEqual(unseen, [], `${path}: focus does not show`);
  }
  await page.goto(`${server.url}/models`);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
});

test('accessibility: forced colours, large text, paper', async () => {
  const page = await signedIn('validator');
  for (const path of [V, `${V}/sign?request=2`, '/ledger/12']) {
    await page.goto(server.url + path);
    await page.emulateMedia({ forcedColors: 'active' });
    await shot(page, `forced-colors${path.replace(/[^a-z0-9]+/gi, '-')}`);
    await page.emulateMedia({ forcedColors: 'none', media: 'print' });
    await shot(page, `paper${path.replace(/[^a-z0-9]+/gi, '-')}`);
    await page.emulateMedia({ media: 'screen' });
    // 400 % zoom of a window 1280 px wide.
    await page.setViewportSize({ width: 320, height: 256 });
    await fitsWidth(page);
    await page.setViewportSize({ width: 1280, height: 900 });
  }
  noTrouble(page);
});

test('accessibility: the first pages weigh at most 200 KB with all they load', async () => {
  const page = await signedIn('nobody');
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
  await signIn(page, { url: server.url, email: DEMO.validator, password: DEMO_PASSWORD });
  await page.waitForLoadState('load');
  await page.getByRole('heading', { level: 1, name: 'Inbox' }).waitFor();
  assert.ok(bytes > 5_000 && bytes <= FIRST_PAGES_BYTES, `${bytes} bytes`);
  console.log(`sign-in and inbox: ${bytes} bytes`);

  // Only the page with the check loads WASM.
  const wasm = [];
  page.on('request', (request) => request.url().includes('.wasm') && wasm.push(request.url()));
  await page.goto(server.url + V);
  assert.deepEqual(wasm, []);
  await page.goto(`${server.url}/ledger/12`);
  await page.getByRole('button', { name: 'Verify in this browser' }).waitFor();
  assert.equal(wasm.length, 1);
});

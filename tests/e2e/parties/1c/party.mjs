import { strict as assert } from 'node:assert';
import { json, signIn } from '../../lib/person.mjs';
import { test } from '../../lib/report.mjs';
import { newPublication } from './publication.mjs';

async function opened(world, person, body, more) {
  const publication = await newPublication(world.provider, more);
  try {
    await world.browser.visit(
      async (page) => {
        const asked = [];
        page.on('request', (request) => asked.push(new URL(request.url())));
        await page.goto(publication.url);
        await page.click('#sign-in');
        await signIn(page, person);
        await page.locator('#claims').or(page.locator('#refused')).first().waitFor();
        await body({ page, publication, asked });
      },
      { application: publication.origin },
    );
  } finally {
    await publication.stop();
  }
}

export default [
  test('oidc-client-js, the library of authform.html, signs a person in with what default.vrd says', async (world) => {
    const person = await world.provider.person({ email: `buh-${Date.now()}@example.test` });
    await opened(world, person, async ({ page, publication, asked }) => {
      const told = await json(page, 'claims');
      assert.deepEqual([told.iss, told.aud, told.sub], [world.provider.issuer, publication.client_id, person.sub]);
      assert.deepEqual([told.email, told.email_verified, told.preferred_username], [person.email, true, person.email]);
      assert.equal(told[publication.told.authenticationClaimName], person.email, 'the claim by which 1С knows the person');
      const request = asked.find((url) => url.pathname === '/oauth2/authorize').searchParams;
      assert.deepEqual([request.get('response_type'), request.get('code_challenge_method'), request.has('nonce')], ['code', 'S256', false]);
      await page.goto(`${publication.url}read`);
      assert.equal((await json(page, 'userinfo')).sub, person.sub);
      const { keys } = await json(page, 'keys');
      assert.ok(keys.some(({ alg }) => alg === 'RS256'));
    });
  }),

  test('a person with a phone alone is told to 1С by the phone in the ID token', async (world) => {
    const person = await world.provider.person();
    await opened(world, person, async ({ page }) => {
      const told = await json(page, 'claims');
      assert.deepEqual([told.phone_number, told.phone_number_verified], [person.phone, true]);
    });
  }),
].flat();

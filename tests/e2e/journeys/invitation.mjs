// Somebody who is invited by SMS gets in, in a real browser.

import { strict as assert } from 'node:assert';
import { acceptInvitation, enterInvitation, invite } from '../lib/invitations.mjs';
import { newPhone } from '../lib/provider.mjs';
import { test } from '../lib/report.mjs';

export default [
  ...test('whoever is invited enters code and phone, sets a password and is in the organisation', (world) =>
    world.stage.visit('invitation-contact', {}, async (page) => {
      const { provider } = world;
      const phone = newPhone();
      const { id, code } = await invite(provider, phone);
      await enterInvitation({ page, provider }, `${code.slice(0, 4)} ${code.slice(4)}`, phone);
      assert.match(await page.locator('#invitation-lead').innerText(), /Ромашка и партнёры/);
      await acceptInvitation(page);
      await page.goto(provider.url('/account/organisations'));
      assert.match(await page.locator('tr[data-proof=invitation]').innerText(), /Ромашка и партнёры/);
      const { invitations } = await provider.json(['invitation', 'list']);
      assert.equal(invitations.find((one) => one.id === id).state, 'accepted');
      const other = await invite(provider, newPhone());
      assert.equal((await provider.json(['invitation', 'withdraw', other.id])).withdrawn, true);
    })),
];

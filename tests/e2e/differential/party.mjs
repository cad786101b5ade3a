// The same requests against kabinet and against node oidc-provider: what a relying party sees must be alike, or the
// difference stand in `differences.mjs` with the reason why ours is right. A difference that is gone must go from there, too.

import { strict as assert } from 'node:assert';
import { test } from '../lib/report.mjs';
import { DIFFERENCES } from './differences.mjs';
import { differing } from './outcome.mjs';
import { REQUESTS } from './requests.mjs';
import { bothSides } from './sides.mjs';

/** Both providers, started by whoever comes first and ended with the stage. */
function sides(world) {
  return world.stage.once('differential', async () => {
    const both = await bothSides(world.binary);
    world.faultless.push(both.provider);
    return both;
  });
}

const compare = (name, send) => async (world) => {
  const { ours, theirs } = await sides(world);
  const [mine, other] = await Promise.all([ours, await theirs.apart()].map(async (side) => side.outcome(await send(side))));
  const { why, ...listed } = DIFFERENCES[name] ?? { ours: {}, theirs: {}, why: 'alike' };
  const seen = JSON.stringify({ ours: mine, theirs: other });
  assert.deepEqual(differing(mine, other), listed, `differences.mjs says otherwise (${why}); kabinet and oidc-provider answered ${seen}`);
};

const LISTED = test('every listed difference is of a request that is sent, and has a reason', () => {
  for (const [name, { ours, theirs, why }] of Object.entries(DIFFERENCES)) {
    assert.ok(REQUESTS[name], `nothing sends ${name}`);
    assert.ok(why?.length > 20 && Object.keys(ours).length + Object.keys(theirs).length > 0, `${name} says nothing`);
  }
});

export default [LISTED, Object.entries(REQUESTS).map(([name, send]) => test(name, compare(name, send)))].flat(2);

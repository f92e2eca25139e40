import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MfaSite, mfaSite, WHY } from '../support/mfa.js';

let site: MfaSite;
beforeAll(async () => {
  site = await mfaSite('3dpot', { keep: true });
});
afterAll(() => site.remove());

const place = (): string => `--config ${site.config} -p test`;

test('what is proposed works in the same place, also when its line is an error', async () => {
  const who = await site.seed();
  const enroll = ['enroll', who.id, ...WHY, '--confirm', who.name, '--secret-to', path.join(site.folder, 'secret')];
  expect((await site.mfa(enroll)).stderr).toContain(`Next:  potctl mfa confirm ${who.name} --reason "…" ${place()}`);
  await site.enable(who);
  const { error } = await site.json([...enroll.slice(0, -1), path.join(site.folder, 'other')]);
  expect(error.fix[0]).toBe(`To replace it: \`potctl mfa reset ${who.name} ${place()}\`, then enrol.`);
});

test('a name that a shell would run is not proposed: the id is', async () => {
  const name = '$(touch /tmp/pwned); x';
  const who = await site.seed();
  await site.database.query('update users set username = $2 where id = $1', [who.id, name]);
  const secret = path.join(site.folder, 'third');
  const { stderr } = await site.mfa(['enroll', who.id, ...WHY, '--confirm', name, '--secret-to', secret]);
  expect(stderr).toContain(`Next:  potctl mfa confirm ${who.id} --reason "…" ${place()}`);
  const reset = await site.mfa(['reset', who.id, ...WHY, '--confirm', name]);
  expect(reset.stderr).toContain(`\`potctl mfa enroll ${who.id} ${place()}\``);
});

test('a monitor reads the state in the first line of stdout, and unknown where nothing could be looked at', async () => {
  const check = ['check', '--exit', 'nagios'];
  const looked = await site.mfa(check);
  expect(looked.exitCode).toBe(1);
  expect(looked.stdout).toMatch(/^MFA WARN - .*sec\.weak_codes WARN/);
  const blind = await site.mfa(check, { env: { PGHOST: '/nonexistent' } });
  expect(blind.exitCode).toBe(3);
  expect(blind.stdout).toMatch(/^UNKNOWN - cannot reach .*\n$/);
  expect(await site.mfa([...check, '--json'], { env: { PGHOST: '/nonexistent' } })).toMatchObject({
    ...{ exitCode: 3, stdout: '' },
  });
});

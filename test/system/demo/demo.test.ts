import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { processesLeft } from '../../support/leftovers.js';
import { potctl } from '../../support/run-cli.js';
import { folderForAll } from '../../support/tree.js';

const OWN_ENVIRONMENT = { PGHOST: undefined, PGPORT: undefined, PGUSER: undefined };

test('the tour makes a backup, loses data, restores, undoes, proves each step, and leaves nothing behind', {
  timeout: 150_000,
}, async () => {
  const folder = await folderForAll();

  const { exitCode, stdout, stderr } = await potctl(['demo'], {
    env: { ...OWN_ENVIRONMENT, TMPDIR: folder },
    timeoutMs: 140_000,
  });

  expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout.split('\n').filter((line) => line.startsWith('$ potctl'))).toEqual([
    '$ potctl backup create --files ./storage --repository ./backups',
    '$ potctl backup verify latest --level full --repository ./backups',
    '$ potctl backup list --repository ./backups',
    '$ potctl restore plan latest --files ./storage --repository ./backups',
    '$ potctl restore run latest --files ./storage --repository ./backups --confirm threedpot',
    '$ potctl restore undo --files ./storage --repository ./backups --confirm threedpot',
  ]);
  expect(equalLines(stdout)).toEqual([
    ...['transactions', 'users', 'projects', 'refresh_tokens', 'audit_log', 'files'],
    ...['users', 'projects', 'files'],
  ]);
  expect(stdout).not.toContain('DIFFERENT');
  expect(stdout.split('\n').length).toBeLessThan(150);
  expect(readdirSync(folder)).toEqual([]);
  expect(await processesLeft(folder)).toEqual([]);
});

/** What the proofs call equal, in order. */
function equalLines(stdout: string): string[] {
  return [...stdout.matchAll(/^ +(\w+) .* equal$/gm)].map(([, subject = '']) => subject);
}

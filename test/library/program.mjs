// What somebody writes who has installed potctl and knows nothing of its source: a backup, a restore and its undo, without a terminal.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openPotctl, PotctlError } from 'potctl';

const [database, repository, files] = process.argv.slice(2);
const potctl = openPotctl({ environment: process.env, flags: { database, repository, files } });
try {
  const [backup, restore] = [await potctl.backup(), await potctl.restore()];
  const made = await (await backup.create()).apply();
  const listed = await backup.list();
  const verified = await backup.verify({ id: made.id });

  await ask('delete from public.t where i = 7');
  writeFileSync(path.join(files, 'a.txt'), 'changed');
  const prepared = await restore.run({ id: 'latest' });
  const planned = await prepared.dryRun();
  const before = await rows();
  const restored = await prepared.apply();
  const after = await rows();

  const undone = await (await restore.undo()).apply();
  const again = await rows();
  const runs = await restore.list();

  const refused = await restore.run({ id: 'ffffff' }).catch((error) => error);
  const { code, exitCode, message, changed, fix } = refused;
  const failed = { isPotctlError: refused instanceof PotctlError, code, exitCode, message, changed, fix };
  const rowsSeen = { before, after, again };
  process.stdout.write(JSON.stringify({ made, listed, verified, planned, restored, undone, rowsSeen, runs, failed }));
} finally {
  await potctl.close();
}

async function rows() {
  return (await ask('select count(*)::int as n from public.t'))[0].n;
}

async function ask(sql) {
  const session = await (await potctl.server()).session({ purpose: 'program' });
  try {
    return await session.query(sql);
  } finally {
    await session.close();
  }
}

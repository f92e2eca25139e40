// What somebody writes who has installed potctl and knows nothing of its source: a backup, a restore and its undo, without a terminal.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { adviceText, openPotctl, PotctlError } from 'potctl';

const [database, repository, files] = process.argv.slice(2);
const potctl = openPotctl({ environment: process.env, flags: { database, repository, files } });
try {
  const [backup, restore] = [await potctl.backup(), await potctl.restore()];
  const made = await (await backup.create()).apply();
  const listed = await backup.list();
  const verified = await backup.verify({ id: made.id });

  ask('delete from public.t where i = 7');
  writeFileSync(path.join(files, 'a.txt'), 'changed');
  const prepared = await restore.run({ id: 'latest' });
  const planned = await prepared.dryRun();
  const before = rows();
  const restored = await prepared.apply();
  const after = rows();

  const undone = await (await restore.undo()).apply();
  const again = rows();
  const runs = await restore.list();

  const refused = await restore.run({ id: 'ffffff' }).catch((error) => error);
  const { code, exitCode, message, changed, fix } = refused;
  const advice = fix.map((one) => adviceText(one));
  const failed = { isPotctlError: refused instanceof PotctlError, code, exitCode, message, changed, fix, advice };
  const rowsSeen = { before, after, again };
  process.stdout.write(JSON.stringify({ made, listed, verified, planned, restored, undone, rowsSeen, runs, failed }));
} finally {
  await potctl.close();
}

function rows() {
  return Number(ask('select count(*) from public.t'));
}

/** Looks for itself, not through potctl. */
function ask(sql) {
  const options = { env: { ...process.env, PGDATABASE: database }, encoding: 'utf8' };
  return execFileSync('psql', ['--no-psqlrc', '--tuples-only', '--no-align', '--command', sql], options).trim();
}

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../src/kernel/clock.js';
import { readHostIdentity } from '../../src/kernel/host-identity.js';
import { openRepository } from '../../src/repository/open.js';

/**
 * A process of its own that locks a repository, begins a backup and says so; on a line of stdin it publishes and says what came of it.
 * Arguments: folder, id of the backup, heartbeat in ms.
 */
const [folder = '', id = '', heartbeatMs = '5000'] = process.argv.slice(2);
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

const host = await readHostIdentity(process.pid);
const times = { heartbeatMs: Number(heartbeatMs), silenceMs: 60_000, pollMs: 20 };
const repository = await openRepository(
  { name: 'r', path: folder },
  { clock: systemClock, host, operator: 'cron@ops1', times },
);
const { signal } = new AbortController();
const lease = await repository.lock({ command: 'backup create', runId: 'held', waitMs: 0, signal });
const draft = await repository.draft(id);
await writeFile(path.join(draft.folder, 'files.tar'), 'archive');
say({ host });
process.stdin.once('data', async () => {
  const outcome = await draft.publish('{}\n').then(
    () => 'published',
    (error: { code?: string }) => error.code,
  );
  await lease.release();
  say({ outcome });
  process.stdin.destroy();
});

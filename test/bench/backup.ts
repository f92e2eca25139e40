import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Bench, DATABASE, machine } from './backup/bench.js';
import { FULL, fillDatabase, fillTree, SMALL } from './backup/data.js';
import { benchDatabase } from './backup/database.js';
import { benchFiles } from './backup/files.js';
import { atMost } from './backup/report.js';
import { benchRestore } from './backup/restore.js';
import { flag, megabytes, say } from './measure.js';
import { createServer } from './server.js';

const PARTS = { database: benchDatabase, files: benchFiles, restore: benchRestore } as const;

/** `--small`, `--rounds N` (3), `--jobs N` (cores), `--part database|files|restore`. Prints ratios; a miss fails nothing. */
export async function main(args: readonly string[]): Promise<number> {
  const small = args.includes('--small');
  const only = flag(args, 'part');
  const scale = small ? SMALL : FULL;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'potctl-bench-data-'));
  const server = await createServer({ shared_buffers: '1GB', max_wal_size: '4GB', maintenance_work_mem: '256MB' });
  try {
    const [tree, repository] = [path.join(folder, 'storage'), path.join(folder, 'backups')];
    mkdirSync(tree);
    say(machine());
    say(
      `database ${megabytes(await fillDatabase(server, DATABASE, only === 'files' ? SMALL : scale))}, tree ${megabytes(fillTree(tree, only === 'database' ? SMALL : scale))} in ${scale.files} files`,
    );
    const environment = {
      ...server.environment,
      HOME: folder,
      TZ: 'UTC',
      PGDATABASE: DATABASE,
      XDG_STATE_HOME: path.join(folder, 'state'),
    };
    const bench: Bench = {
      server,
      folder,
      tree,
      repository,
      jobs: Number(flag(args, 'jobs') ?? os.availableParallelism()),
      rounds: Number(flag(args, 'rounds') ?? 3),
      small,
      environment,
      peaks: new Map(),
    };
    for (const [name, part] of Object.entries(PARTS)) if (only === undefined || only === name) await part(bench);
    say('\nMemory of potctl itself');
    for (const [command, bytes] of bench.peaks) atMost(`peak of \`potctl ${command}\``, bytes, 150e6, 'MB');
    return 0;
  } finally {
    await server.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

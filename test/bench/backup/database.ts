import { readFileSync } from 'node:fs';
import path from 'node:path';
import { say, seconds, type Timed } from '../measure.js';
import { type Bench, DATABASE, potctl, settle, shell } from './bench.js';
import { race, ratio } from './report.js';

interface DumpFacts {
  readonly compression: string;
  readonly duration_ms: number;
}

/** Backup of the database: potctl against bare pg_dump with the same compression and against the usual cron line. */
export async function benchDatabase(bench: Bench): Promise<void> {
  const { jobs, folder, small } = bench;
  say(`\nDatabase backup, ${jobs} jobs`);
  const first = await backUp(bench);
  const { compression } = first.facts;
  const compress = compression.startsWith('zstd') ? '--compress=zstd:1' : '-Z1';
  let dumpMs = first.facts.duration_ms;
  const remove = async (): Promise<void> => void (await shell(bench, `rm -rf '${folder}'/dump*; sync`));
  await settle(bench);
  const medians = await race(bench.rounds, [
    {
      name: 'potctl backup create --only db',
      run: async () => {
        const { timedRun, facts } = await backUp(bench);
        dumpMs = facts.duration_ms;
        return timedRun;
      },
      reset: async () => void (await settle(bench)),
    },
    {
      name: `pg_dump -Fd -j${jobs} ${compress}`,
      run: () => shell(bench, `pg_dump -Fd -j${jobs} ${compress} -f '${folder}/dump' ${DATABASE}`),
      reset: remove,
    },
    {
      name: 'pg_dump | gzip',
      run: () => shell(bench, `pg_dump ${DATABASE} | gzip > '${folder}/dump.gz'`),
      reset: remove,
    },
  ]);
  const [ours = 0, bare = 1, gzip = 1] = medians.values();
  say(`  (of the last one, pg_dump alone: ${seconds(dumpMs)}; compression ${compression})`);
  ratio('database backup against bare pg_dump', ours, bare, 1.05);
  ratio('database backup against pg_dump | gzip', ours, gzip, 0.42);
  if (small) say('  (with --small these are mostly start-up)');
}

/** @returns how long it took, and what its manifest says of the dump */
async function backUp(bench: Bench): Promise<{ timedRun: Timed; facts: DumpFacts }> {
  const { repository, jobs } = bench;
  const timedRun = await potctl(bench, [
    'backup',
    'create',
    '--only',
    'db',
    '--jobs',
    String(jobs),
    '--repository',
    repository,
  ]);
  const file = path.join(repository, 'backups', timedRun.stdout.trim(), 'manifest.json');
  const { database } = JSON.parse(readFileSync(file, 'utf8')) as { database: { dump: DumpFacts } };
  return { timedRun, facts: database.dump };
}

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, say, seconds, type Timed } from '../measure.js';
import { type Bench, DATABASE, potctl, settle, shell } from './bench.js';
import { atLeast, atMost, race, ratio } from './report.js';

/** Restore: the time of pg_restore itself inside potctl against a bare one on the same dump, and how long a swap refuses connections. */
export async function benchRestore(bench: Bench): Promise<void> {
  const { jobs, tree, repository } = bench;
  say(`\nRestore, ${jobs} jobs`);
  const whole = ['backup', 'create', '--files', tree, '--jobs', String(jobs), '--repository', repository];
  const id = (await potctl(bench, whole)).stdout.trim();
  await benchVerify(bench, id);
  const dump = `${repository}/backups/${id}/db/dump`;
  let turn = 0;
  const dropBeside = async (): Promise<void> => {
    for (const name of ['bare', ...Array.from({ length: turn }, (_, n) => `beside_${n + 1}`)]) {
      await bench.server.query(`drop database if exists ${name} with (force)`);
    }
    await bench.server.query('checkpoint');
    await settle(bench);
  };
  const medians = await race(bench.rounds, [
    {
      name: 'potctl restore run --mode new (its pg_restore)',
      run: () => {
        turn += 1;
        const beside = ['--mode', 'new', '--into', `beside_${turn}`];
        return watched(bench, [
          'restore',
          'run',
          id,
          '--only',
          'db',
          '--jobs',
          String(jobs),
          ...beside,
          '--repository',
          repository,
        ]);
      },
      reset: dropBeside,
    },
    {
      name: `pg_restore -j${jobs}`,
      run: async () => {
        await bench.server.query('create database bare template template0');
        return shell(bench, `pg_restore -j${jobs} --exit-on-error -d bare '${dump}'`);
      },
      reset: dropBeside,
    },
  ]);
  const [ours = 0, bare = 1] = medians.values();
  ratio('pg_restore inside potctl against bare pg_restore', ours, bare, 1.03);
  await benchSwap(bench, id);
}

/** Times the pg_restore below potctl from its start to its end, from outside: it is looked for in /proc, then watched by its pid. */
async function watched(bench: Bench, args: readonly string[]): Promise<Timed & { ms: number }> {
  let tool: number | undefined;
  let [first, last] = [0, 0];
  const result = await potctl(bench, args, (pid) => {
    if (tool === undefined || !existsSync(`/proc/${tool}`)) tool = descendants(pid, ['pg_restore']).at(0);
    if (tool === undefined) return;
    last = performance.now();
    first ||= last;
  });
  say(
    `    whole command ${seconds(result.wallMs)}, of it outside pg_restore ${seconds(result.wallMs - (last - first))}`,
  );
  return { ...result, ms: last - first };
}

async function benchVerify(bench: Bench, id: string): Promise<void> {
  const { repository } = bench;
  const [size] = (await shell(bench, `du -sb '${repository}/backups/${id}'`)).stdout.split('\t');
  await potctl(bench, ['backup', 'verify', id, '--level', 'full', '--repository', repository]);
  const quick = await potctl(bench, ['backup', 'verify', id, '--level', 'quick', '--repository', repository]);
  atLeast('hash pass of a verify (whole command)', Number(size) / (quick.wallMs / 1000), 400e6);
}

/** Six clients reconnect in a loop while a restore swaps and an undo swaps back. */
async function benchSwap(bench: Bench, id: string): Promise<void> {
  const where = ['--repository', bench.repository, '--files', bench.tree, '--confirm', DATABASE];
  for (const args of [
    ['restore', 'run', id, ...where],
    ['restore', 'undo', ...where],
  ]) {
    const stopped = { value: false };
    const clients = Array.from({ length: 6 }, () => longestGap(bench, stopped));
    const { wallMs } = await potctl(bench, args);
    stopped.value = true;
    const gaps = await Promise.all(clients);
    say(`  potctl ${args.slice(0, 2).join(' ')}: ${seconds(wallMs)} in all, with six clients on a busy machine`);
    atMost(
      `longest refusal of a reconnecting client (${args[1]})`,
      Math.max(...gaps.map((gap) => gap.refusedMs)),
      1_000,
      'ms',
    );
    atMost(`longest time without an answer (${args[1]})`, Math.max(...gaps.map((gap) => gap.silentMs)), 1_000, 'ms');
  }
}

interface Gap {
  /** Longest time between the first failure and the next success. */
  readonly refusedMs: number;
  /** Longest time between two answers: a client that waits for the swap's commit is not refused, but waits. */
  readonly silentMs: number;
}

/** A client that makes a new connection for each question, again and again. */
async function longestGap({ server }: Bench, stopped: { readonly value: boolean }): Promise<Gap> {
  let [refusedMs, silentMs, answeredAt] = [0, 0, performance.now()];
  let refusedSince: number | undefined;
  while (!stopped.value || refusedSince !== undefined) {
    const answered = await server.query('select 1 from users limit 1', DATABASE).then(Boolean, () => false);
    const now = performance.now();
    if (answered) {
      refusedMs = Math.max(refusedMs, now - (refusedSince ?? now));
      silentMs = Math.max(silentMs, now - answeredAt);
      [refusedSince, answeredAt] = [undefined, now];
    } else refusedSince ??= now;
    await sleep(20);
  }
  return { refusedMs, silentMs };
}

import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { argument, choice, count, duration, flag, type Input, text } from '../../commands/cli/parse/options.js';
import { type AnyCommand, actionCommand, itemCommand, listCommand } from '../../commands/command.js';
import type { Context } from '../../commands/context.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { Secret } from '../../src/kernel/secret.js';

interface Thing {
  readonly id: string;
  readonly label: string;
  readonly size: number;
}

/** Escape codes, a line break, a direction override, a formula: what strangers write into a user agent. */
export const HOSTILE = '=cmd("\u001b[2J")\nfake row\t\u202eabc\u200b';

const things = (rows: number): Thing[] =>
  Array.from({ length: rows }, (_, at) => ({
    id: `thing-${String(at).padStart(6, '0')}`,
    label: at === 0 ? HOSTILE : `a label of thing number ${at} that is rather long`,
    size: (at * 7919) % 100_003,
  }));

const list = listCommand({
  name: 'thing list',
  summary: 'rows of a list',
  examples: ['potctl thing list --rows 3'],
  needs: [],
  input: { rows: count('--rows <n>', 'how many', { default: 3 }) },
  columns: [
    { name: 'id', text: ({ id }: Thing) => id },
    { name: 'label', text: ({ label }) => label, flexible: true },
    {
      name: 'size',
      text: ({ size }, _now, format) => format.bytes(size),
      machine: ({ size }) => String(size),
      align: 'right',
      priority: 2,
      sortKey: ({ size }) => size,
    },
    { name: 'extra', text: () => 'x', wide: true },
  ],
  run: async ({ rows }) => ({ items: things(rows), warnings: rows === 1 ? ['only one'] : [] }),
});

const show = itemCommand({
  name: 'thing show',
  summary: 'one thing',
  examples: ['potctl thing show'],
  needs: [],
  input: { fail: choice('--fail <how>', 'throw that', ['bug', 'errno', 'late', 'secret', 'hang']) },
  async run({ fail }, context) {
    if (fail === 'bug') throw new TypeError('undefined is not a function');
    if (fail === 'errno') throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', errno: -28 });
    if (fail === 'hang') await new Promise(() => {});
    if (fail === 'late') {
      setTimeout(() => Promise.reject(new Error('nobody waits for me')), 5);
      await sleep(5_000, undefined, { signal: context.potctl.host.signal }).catch(() => {});
    }
    if (fail === 'secret') {
      const { password } = { password: new Secret('Canary"Secret\\77') };
      throw new Error(`cannot open postgres://app:hunter22@db/app with ${password.reveal()}`);
    }
    return { missing: undefined, big: 12345678901234567890n, small: 5n, at: new Date(0), label: HOSTILE, zone: null };
  },
  render({ label }, view) {
    view.heading('A THING');
    view.line(`label ${view.paint('bad', label)}`);
    view.line(view.time('2026-01-02T03:04:05Z').replace(/ \(.*/, ''));
  },
});

const drop = actionCommand({
  name: 'thing drop',
  summary: 'destroy a thing',
  examples: ['potctl thing drop app --mark ./dropped'],
  needs: [],
  input: { name: argument('<name>', 'the thing'), mark: text('--mark <file>', 'written when it happens') },
  gate: {
    renderPlan: (name: string, view) => view.line(`PLAN: ${name} will be destroyed`),
    phrase: (name: string) => name,
    typed: 'the name',
  },
  prepare: async ({ name, mark }) => ({
    plan: name,
    dryRun: async () => name,
    async apply() {
      if (mark !== undefined) writeFileSync(mark, name);
      return name;
    },
  }),
  render: (name, view) => view.line(`dropped ${name}`),
});

const WORK = {
  for: duration('--for <duration>', 'how long', { default: 30_000 }),
  held: flag('--held', 'in one piece that cannot be interrupted'),
  deaf: flag('--deaf', 'without listening to anybody'),
  says: flag('--says', 'say what was left behind'),
  lines: count('--lines <n>', 'print so many lines at the end', { default: 0 }),
  mark: text('--mark <file>', 'written at the end'),
};

async function workFor({ for: ms, held, deaf, says, lines, mark }: Input<typeof WORK>, context: Context) {
  context.potctl.host.progress({ kind: 'phase', name: 'working' });
  const nap = (): Promise<void> => sleep(ms, undefined, deaf || held ? {} : { signal: context.potctl.host.signal });
  try {
    await (held ? context.potctl.host.uninterrupted(nap) : nap());
    context.potctl.host.signal.throwIfAborted();
  } catch (error) {
    if (!says) throw error;
    throw new PotctlError('E_TOOL_FAILED', 'the tool was killed', {
      changed: 'partial',
      changedDetail: 'half is there.',
    });
  }
  context.potctl.host.progress({
    kind: 'done',
    name: 'working',
    facts: { stored_bytes: 131_596_288, tables: 63, rows: 4_812_331, wait_ms: 1_500 },
  });
  context.potctl.host.progress({ kind: 'warning', text: 'one thing was odd' });
  if (mark !== undefined) writeFileSync(mark, 'done');
  return { lines };
}

const work = actionCommand({
  name: 'thing work',
  summary: 'work until somebody interrupts',
  examples: ['potctl thing work --for 1s'],
  needs: [],
  input: WORK,
  async prepare(input, context) {
    const apply = () => workFor(input, context);
    return { plan: null, dryRun: apply, apply };
  },
  render({ lines }, view) {
    view.note('hint: look at it');
    for (let at = 0; at < lines; at += 1) view.line(`line ${at}`);
    view.line('20261122T095106Z-7f3a9c');
  },
});

const save = actionCommand({
  ...work,
  name: 'thing save',
  summary: 'work that appears in one step',
  examples: ['potctl thing save --for 1s'],
  atomic: true,
});

const unlock = itemCommand({
  name: 'thing unlock',
  summary: 'ask for something that nobody may see',
  examples: ['potctl thing unlock'],
  needs: [],
  input: {},
  run: async (_input, { terminal }) => ({ length: (await terminal!.hidden('Secret word')).reveal().length }),
  render: ({ length }, view) => view.line(`heard ${length} letters`),
});

/** Commands that show every side of the command line without any database. */
export const sampleCommands: readonly AnyCommand[] = [list, show, drop, work, save, unlock];

import type { CheckState } from '../../src/kernel/check.js';
import { counted } from '../../src/kernel/counted.js';
import { ExitCode } from '../../src/kernel/error-catalog.js';
import { type Advice, advice, withoutRepeats } from '../../src/kernel/next.js';
import type { PostureCheck } from '../../src/mfa/posture-rules.js';
import { choice, flag } from '../cli/parse/options.js';
import { itemCommand } from '../command.js';
import { keyProblem } from './shared/key-problem.js';

const STYLES = { ok: 'good', skipped: 'dim', warn: 'warn', crit: 'bad', unknown: 'warn' } as const;
const WORDS = { ok: 'OK', skipped: 'SKIPPED', warn: 'WARN', crit: 'CRIT', unknown: 'UNKNOWN' } as const;
const { ok, partial, unhealthy } = ExitCode;
const CODES = {
  potctl: { ok, skipped: ok, warn: partial, crit: unhealthy, unknown: partial },
  nagios: { ok: 0, skipped: 0, warn: 1, crit: 2, unknown: 3 },
} as const;

/** Monitoring systems say CRIT where potctl says fail. */
type Word = keyof typeof WORDS;
const wordOf = (state: CheckState): Word => (state === 'fail' ? 'crit' : state);

/** The JSON of one rule; scripts depend on it. */
interface RuleLine {
  readonly id: string;
  readonly state: Word;
  readonly detail: string;
  readonly next: Advice | null;
}

const ruleLine = ({ name, state, detail, next }: PostureCheck): RuleLine => ({
  ...{ id: name, state: wordOf(state), detail, next: next ?? null },
});

/** `potctl mfa check`: checks the second factors of all users, for monitoring. */
export const mfaCheck = itemCommand({
  name: 'mfa check',
  summary: 'check all second factors for weaknesses',
  examples: [
    'potctl mfa check -p prod',
    'potctl mfa check -p prod --exit nagios',
    'potctl mfa check -p prod --keys --json',
  ],
  needs: ['database'],
  input: {
    keys: flag('--keys', 'decrypt every stored secret, and count them per key'),
    exit: choice('--exit <codes>', 'potctl (0, 3, 21) or nagios (0, 1, 2, 3)', ['potctl', 'nagios'], {
      default: 'potctl',
    }),
  },

  async run({ keys, exit }, { potctl }) {
    const mfa = await potctl.mfa();
    const { application, state, rules, keys: counts } = await mfa.check({ keys });
    return { application, state: wordOf(state), rules: rules.map(ruleLine), keys: counts, exit_codes: exit };
  },

  render({ state, rules, keys, application, exit_codes: codes }, view) {
    // Nagios shows only the first line.
    if (codes === 'nagios') view.line(nagiosLine(state, rules));
    view.table(
      ['RULE', 'STATE', 'DETAIL'],
      rules.map(({ id, state: is, detail }) => [id, view.paint(STYLES[is], WORDS[is]), detail]),
    );
    for (const { key, count, problem, newest } of keys ?? []) {
      view.line(
        `  key ${key ?? '–'}: ${counted(count, 'secret')}${problem === null ? '' : `, ${keyProblem(problem)}`}${newest ? ', used for new secrets' : ''}`,
      );
    }
    view.line(
      `${view.paint(STYLES[state], WORDS[state])}: ${rules.length} rules checked on '${application}': ${found(rules)}`,
    );
    const next = rules.map((one) => one.next).filter((one) => one !== null);
    for (const one of withoutRepeats(next)) view.note(advice`Next:  ${one}`);
  },
  exitCode: ({ state, exit_codes: codes }) => CODES[codes][state] as ExitCode,
});

/** How many rules are in each bad state. */
function found(rules: readonly RuleLine[]): string {
  const count = (state: Word): number => rules.filter(({ state: is }) => is === state).length;
  const [crit, warn, unknown] = [count('crit'), count('warn'), count('unknown')];
  const parts = [
    ...(crit > 0 ? [`${crit} critical`] : []),
    ...(warn > 0 ? [counted(warn, 'warning')] : []),
    ...(unknown > 0 ? [`${unknown} unknown`] : []),
  ];
  return parts.join(', ') || 'all OK';
}

function nagiosLine(state: Word, rules: readonly RuleLine[]): string {
  const found = rules.filter(({ state: is }) => is !== 'ok').map(({ id, state: is }) => `${id} ${WORDS[is]}`);
  return `MFA ${WORDS[state]} - ${found.join(', ') || `${rules.length} rules hold`}`;
}

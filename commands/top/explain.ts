import { ERROR_CATALOG, type ErrorCode } from '../../src/kernel/error-catalog.js';
import { PotctlError } from '../../src/kernel/errors.js';
import { advice, potctl } from '../../src/kernel/next.js';
import { flag, optionalArgument } from '../cli/parse/options.js';
import { suggestion } from '../cli/parse/suggest.js';
import { NOWHERE, spelled } from '../cli/run/next.js';
import { classOf, isRetryable } from '../cli/run/report.js';
import { itemCommand } from '../command.js';

interface Explanation {
  readonly code: string;
  readonly class: string;
  readonly exit: number;
  readonly retryable: boolean;
  readonly means: string;
  readonly remedy: readonly string[];
}

/** `potctl explain`: explains an error code, without a network. */
export const explain = itemCommand({
  name: 'explain',
  summary: 'explain an error code, and what to do about it',
  examples: ['potctl explain E_LOCKED', 'potctl explain --list'],
  needs: [],
  standalone: true,
  input: {
    code: optionalArgument('[code]', 'the code printed with an error, e.g. E_LOCKED'),
    list: flag('--list', 'list all codes'),
  },

  async run({ code, list }): Promise<Explanation | readonly Explanation[]> {
    if (code !== undefined) return explanation(code);
    if (list)
      return Object.keys(ERROR_CATALOG)
        .map(explanation)
        .sort((a, b) => a.exit - b.exit);
    throw new PotctlError('E_USAGE', "'potctl explain' needs a code, or --list", {
      fix: [potctl('explain', '--list')],
    });
  },

  render(found, view) {
    if (isList(found)) {
      const rows = found.map(({ code, exit, means }) => [code, String(exit), means.split(/(?<=\.) /)[0]!]);
      return view.table(['CODE', 'EXIT', 'MEANS'], rows);
    }
    view.line(`${view.paint('strong', found.code)}  exit ${found.exit} (${found.class.replace('_', ' ')})`);
    view.line(`  ${found.means}`);
    for (const line of found.remedy) view.line(`  → ${line}`);
    if (found.retryable) view.line('  The same command may succeed later.');
    else if (!STOPPED.includes(found.code)) view.line('  Fix the cause before you retry.');
  },
});

/** Codes of commands that a person or the system ended: there is no cause to fix. */
const STOPPED: readonly string[] = ['E_CANCELED', 'E_INTERRUPTED', 'E_TERMINATED'];

function isList(found: Explanation | readonly Explanation[]): found is readonly Explanation[] {
  return Array.isArray(found);
}

function explanation(given: string): Explanation {
  const upper = given.toUpperCase();
  const code = [upper, `E_${upper}`].find((name): name is ErrorCode => Object.hasOwn(ERROR_CATALOG, name));
  if (code === undefined) {
    throw new PotctlError('E_CODE_NOT_FOUND', `there is no error code '${given}'`, {
      fix: [
        ...(suggestion(upper.startsWith('E_') ? upper : `E_${upper}`, Object.keys(ERROR_CATALOG)).fix ?? []),
        advice`List all codes: ${potctl('explain', '--list')}`,
      ],
    });
  }
  const { exit, means, remedy } = ERROR_CATALOG[code];
  const lines = remedy.map((one) => spelled(one, NOWHERE));
  return { code, class: classOf(exit), exit, retryable: isRetryable(code), means, remedy: lines };
}

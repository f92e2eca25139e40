import type { ChangeNote } from '../../../src/kernel/changes.js';
import { PotctlError } from '../../../src/kernel/errors.js';
import { advice, potctl } from '../../../src/kernel/next.js';
import type { Delivery, SecretPlace } from '../../../src/mfa/delivery.js';
import { personWord } from '../../cli/parse/shell.js';
import type { Context } from '../../context.js';
import type { Drawn, ScreenSize } from '../../ui/show-once.js';
import type { Terminal } from '../../ui/terminal.js';
import { codesFit, codesScreen } from './codes-screen.js';

/** Returns --reason, else what the operator types; null without both. Reads the settings first, so that nobody types a reason in vain. */
export async function changeReason({ potctl, change, terminal }: Context): Promise<string | null> {
  await potctl.settings();
  return change.reason ?? (await terminal?.typed('Reason, for the journal (10 letters or more)')) ?? null;
}

/**
 * Reads the code from stdin or from the terminal, never from the command line.
 *
 * @throws E_USAGE without a terminal and without --code-stdin
 */
export async function readCode(context: Context, fromStdin: boolean, question: string): Promise<string> {
  if (fromStdin) return context.readLine();
  if (context.terminal === null) {
    throw new PotctlError('E_USAGE', `a code is required, and ${context.whyNoTerminal}`, {
      fix: ['Give it on stdin: `… --code-stdin < FILE`. There is no flag for it: other users can see command lines.'],
    });
  }
  return (await context.terminal.hidden(question)).reveal();
}

/** Where and how secrets are handed out. */
export interface HandOut {
  /** What is handed out, e.g. `the backup codes`. */
  readonly what: string;
  /** Draws them for the alternate screen. */
  draw(lines: readonly string[], size: ScreenSize): Drawn;
  readonly files: readonly Delivery[];
  /** The flags to use instead of the screen, e.g. `--codes-to FILE`. */
  readonly flags: string;
  /** What was changed, in case the operator is interrupted before having copied the secrets. */
  readonly done: ChangeNote;
  /** Asks for a larger window if needed. @returns another place that the operator chose, null for the screen */
  makeRoom(terminal: Terminal): Promise<Delivery | null>;
}

/**
 * Returns where secrets go: the files that were named, else the alternate screen of the terminal.
 *
 * @throws E_SECRET_OUTPUT when there is neither
 */
export async function handOut(context: Context, options: HandOut): Promise<SecretPlace> {
  const { toAll } = await import('../../../src/mfa/delivery.js');
  const { what, files, flags, makeRoom } = options;
  if (files.length > 0) {
    const all = noted(context, options.done, toAll(files));
    return { to: all.to, open: async () => all };
  }
  const { terminal } = context;
  if (terminal === null) {
    throw new PotctlError('E_SECRET_OUTPUT', `${what} cannot be shown: ${context.whyNoTerminal}`, {
      fix: [`Name a new file: ${flags}`],
    });
  }
  return {
    to: 'the screen',
    async open() {
      const other = await makeRoom(terminal);
      if (other !== null) return noted(context, options.done, other);
      await terminal.readyToShow(what, flags);
      return onScreen(context, terminal, options);
    },
  };
}

/** Secrets are handed out after the commit: from then on every exit must say what was changed. */
function noted({ potctl }: Context, done: ChangeNote, delivery: Delivery): Delivery {
  return {
    ...delivery,
    async hand(lines) {
      potctl.host.changes.note('secret', done);
      await delivery.hand(lines);
    },
  };
}

function onScreen(context: Context, terminal: Terminal, { what, draw, done }: HandOut): Delivery {
  return noted(context, done, {
    to: 'the screen',
    prepare: async () => async () => {},
    async hand(lines) {
      const closed = await terminal.showOnce((size) => draw(lines, size));
      if (closed !== 'time') return;
      terminal.say(`! Nobody typed "saved" in time: ${what} were wiped from the screen.`);
      for (const line of done.fix ?? []) context.live.note(advice`  ${line}`);
    },
  });
}

/** Says where the codes are now. */
export const handedOut = (to: string): string =>
  to === 'the screen' ? 'The codes were shown once and cannot be shown again' : `The codes are in ${to}`;

/**
 * Returns where backup codes go: the file that was named, else the screen.
 *
 * @param use what the codes are for; printed after a colon
 * @throws E_SECRET_OUTPUT
 */
export async function codesPlace(
  context: Context,
  file: string | undefined,
  { person, use }: { readonly person: { readonly name: string; readonly id: string }; readonly use: string },
): Promise<SecretPlace> {
  const { asText, checkNewFile, toNewFile } = await import('../../../src/mfa/delivery.js');
  if (file !== undefined) await checkNewFile(file);
  const again = potctl('mfa', 'codes', personWord(person));
  return handOut(context, {
    what: 'the backup codes',
    draw: (lines, size) => codesScreen(lines, use, size),
    files: file === undefined ? [] : [toNewFile(file, asText)],
    flags: '`--codes-to FILE`',
    done: {
      changed: 'complete',
      detail: `${person.name} has new backup codes; the old ones no longer work`,
      fix: [
        file === undefined ? advice`To replace them, if they were not copied: ${again}` : `The codes are in ${file}.`,
      ],
    },
    makeRoom: async (terminal) => {
      while (!codesFit(SAMPLE_CODES, use, terminal.size())) {
        const { columns, rows } = terminal.size();
        await terminal.typed(
          `This window (${columns} × ${rows}) is too small for ten codes. Enlarge it, then press Enter`,
        );
      }
      return null;
    },
  });
}

/** As long as the longest codes of any application. */
const SAMPLE_CODES = Array.from({ length: 10 }, () => 'XXXX-XXXX-XXXX-XXXX');

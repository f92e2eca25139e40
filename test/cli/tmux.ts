import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { cleanEnvironment, POTCTL } from '../support/run-cli.js';
import { temporaryFolder } from '../support/tree.js';

/** Is tmux there? Without it nobody can look at what a terminal keeps. */
export const hasTmux = ((): boolean => {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** A terminal with a memory: a shell in tmux. */
export interface Tmux {
  /** Types a line as a person would. */
  type(text: string): void;
  /** A key, e.g. `Enter`, `C-c`, `q`. */
  key(name: string): void;
  /** A command of tmux itself, e.g. `resize-window`. */
  tmux(...args: string[]): string;
  /** What stands on the screen. With `all`, also everything that was scrolled away. */
  screen(all?: boolean): string;
  /** Waits until the screen has the text. @throws after 40 seconds, with the screen */
  shows(text: string | RegExp): Promise<string>;
}

/** A shell whose `potctl` works on a database of the run's cluster. */
export async function openTmux(environment: Record<string, string>, size = { columns: 100, rows: 40 }): Promise<Tmux> {
  const socket = `potctl-${randomBytes(6).toString('hex')}`;
  const folder = await temporaryFolder();
  const rc = path.join(folder, 'rc');
  writeFileSync(rc, `PS1='ready> '\npotctl() { ${process.execPath} ${POTCTL} "$@"; }\n`);
  const run = (...args: string[]): string => execFileSync('tmux', ['-L', socket, ...args], { encoding: 'utf8' });
  const env = { ...cleanEnvironment(environment), TERM: 'screen-256color', LANG: 'C.UTF-8' };
  const command = `bash --noprofile --rcfile ${rc} -i`;
  execFileSync(
    'tmux',
    ['-L', socket, '-f', '/dev/null', 'new-session', '-d', '-x', `${size.columns}`, '-y', `${size.rows}`, command],
    { env },
  );
  onTestFinished(() => void run('kill-server'));
  const screen = (all = false): string => run('capture-pane', '-p', '-J', ...(all ? ['-S', '-'] : []));
  const tmux: Tmux = {
    type: (text) => void run('send-keys', '-l', text),
    key: (name) => void run('send-keys', name),
    tmux: run,
    screen,
    async shows(text) {
      for (let left = 400; left > 0; left -= 1) {
        const seen = screen();
        if (typeof text === 'string' ? seen.includes(text) : text.test(seen)) return seen;
        await sleep(100);
      }
      throw new Error(`never showed ${text}:\n${screen(true)}`);
    },
  };
  await tmux.shows('ready>');
  return tmux;
}

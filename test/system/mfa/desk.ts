import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spawn } from '@lydell/node-pty';
import { expect } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.js';
import { cleanEnvironment, POTCTL, type Ran } from '../../support/run-cli.js';
import { potctlHere } from '../../support/run-main.js';
import { temporaryFolder } from '../../support/tree.js';
import { type MailServer, startMailServer } from './mail-server.js';

/** What is typed when a text stands on the screen; a function is asked at that moment. */
export type Answer = readonly [on: string, typed: string | ((screen: string) => string | Promise<string>)];

/** What a sitting left. */
export interface DeskRun {
  readonly exitCode: number;
  /** Everything that was drawn, colours taken away. */
  readonly screen: string;
}

export interface DeskSite {
  readonly database: TestDatabase;
  readonly mail: MailServer;
  /** At a real terminal; keys are sent with Enter unless they are control characters. */
  sit(answers: readonly Answer[], flags?: readonly string[]): Promise<DeskRun>;
  /** Any other command, with the same profile. */
  run(args: readonly string[]): Promise<Ran>;
  user(name: string): Promise<Record<string, unknown>>;
  /** Entries of the journal but the one of the installation, oldest first. */
  journal(): Promise<JournalLine[]>;
  /** The digits of the newest mail. */
  digits(): string;
}

export interface JournalLine {
  readonly action: string;
  readonly status: string;
  readonly reason: string;
  readonly ticket: string | null;
  readonly operator: string;
  readonly details: Record<string, unknown>;
}

export const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
export const CODES = ['1111-2222', '3333-4444', '5555-6666', '7777-8888', '9999-0000'];

/** Keys that every call begins with: what is wanted, who it is, and that it is that one. */
export const call = (choice: string, name: string): Answer[] => [
  ['What does the caller need?', choice],
  ['email address or user name', name],
  ['Is that the right account?', '1'],
];
/** After the proofs. */
export const because = (phrase: string): Answer[] => [
  ['Ticket number', 'SUP-4812'],
  ['Reason, one sentence', 'lost phone, called back'],
  [`Type '${phrase}'`, phrase],
];
export const leave: Answer = ['What does the caller need?', '0'];

/** A 3dPot database with potctl in it, people, a mail server, and a profile that names both. */
export async function deskSite(
  profile: { readonly smtp?: false; readonly environment?: string } = {},
): Promise<DeskSite> {
  const database = await freshDatabase({ schema: '3dpot' });
  await database.query(PEOPLE, [SECRET, JSON.stringify(CODES)]);
  const mail = await startMailServer();
  const folder = await temporaryFolder();
  const config = path.join(folder, 'config.yaml');
  const server = profile.smtp === false ? '' : `, smtp: "${mail.url}"`;
  await writeFile(
    config,
    `default_profile: desk\nprofiles:\n  desk:\n    environment: ${profile.environment ?? 'staging'}\n    application: 3dpot
    guards: { ticket: "^SUP-[0-9]+$" }
    notify: { email: { to: [security@example.com], from: "3dPot <support@example.com>"${server} } }\n`,
  );
  await chmod(config, 0o600);
  const env = { PGDATABASE: database.name, POTCTL_CONFIG: config, HOME: folder };
  expect((await potctlHere(['setup', '-y', '-p', 'desk'], { env })).exitCode).toBe(0);
  return {
    database,
    mail,
    sit: (answers, flags = ['-p', 'desk']) => sit(['support', '--operator', 'carla', ...flags], env, answers),
    run: (args) => potctlHere([...args, '-p', 'desk'], { env }),
    user: async (name) => (await database.query('select * from users where username = $1', [name]))[0]!,
    journal: () =>
      database.query<JournalLine>(
        'select action, status, reason, ticket, operator, details from potctl.journal where seq > 1 order by seq',
      ),
    digits: () =>
      /^ +(\d{3}) (\d{3})$/m
        .exec(mail.received.at(-1)?.content ?? '')
        ?.slice(1)
        .join('') ?? 'no mail',
  };
}

const PEOPLE = `
  insert into users (id, email, username, full_name, hashed_password, is_active, is_superuser, role, mfa_enabled, mfa_secret,
                     mfa_backup_codes, created_at, updated_at)
  select gen_random_uuid(), email, username, name, 'x', true, admin, case when admin then 'admin' else 'user' end::user_role,
         enrolled, case when enrolled then $1 end, case when enrolled then $2::json else '[]' end, '2024-02-03', '2024-02-03'
    from (values ('ana.private@example.com', 'ana.souza', 'Ana Souza', false, true),
                 ('joao@example.com', 'joao.reis', 'João Reis', false, false),
                 ('chief@example.com', 'chief', 'Rita Chefe', true, true),
                 ('carla@example.com', 'carla', 'Carla Desk', false, true)) as p (email, username, name, admin, enrolled)`;

/** The program at a terminal of its own, and what is typed there. */
export function sit(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  answers: readonly Answer[],
): Promise<DeskRun> {
  const environment = { ...cleanEnvironment(env), TERM: 'xterm', NO_COLOR: '1' };
  const pty = spawn(process.execPath, [POTCTL, ...args], { cols: 120, rows: 50, env: environment });
  const left = [...answers];
  let [screen, read, busy] = ['', 0, false];
  const goOn = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    for (let next = left[0]; next !== undefined; next = left[0]) {
      const at = screen.indexOf(next[0], read);
      // What is typed before the prompt stands there would be for nobody.
      const end = at < 0 ? at : screen.indexOf('›', at + next[0].length);
      if (end < 0) break;
      left.shift();
      read = end;
      const typed = typeof next[1] === 'string' ? next[1] : await next[1](screen);
      pty.write(/^[\u0000-\u001f]/.test(typed) ? typed : `${typed}\r`);
    }
    busy = false;
  };
  pty.onData((data) => {
    screen += data;
    // As a terminal answers where its cursor is; one that has a second screen brings it back to the same place.
    if (data.includes('\u001b[6n')) pty.write('\u001b[5;5R');
    void goOn();
  });
  const timer = setTimeout(() => pty.kill('SIGKILL'), 50_000);
  return new Promise((resolve) => {
    pty.onExit(({ exitCode, signal }) => {
      clearTimeout(timer);
      resolve({ exitCode: signal ? -1 : exitCode, screen: screen.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '') });
    });
  });
}

import { randomBytes } from 'node:crypto';
import { PRACTICE_ROLE } from '../../applications/native-practice.js';
import type { Host } from '../../host/host.js';
import { newRunId } from '../../host/identity.js';
import { prepareSetup } from '../../journal/setup.js';
import type { Letter, Mailer } from '../../notify/mail.js';
import type { Server } from '../../postgres/server.js';
import type { Keyring } from '../envelope.js';
import { JOURNAL } from '../journal-port.js';
import { openWithMfa } from '../supported.js';
import { codeShownAt } from '../totp.js';
import { openDesk, type SupportDesk } from './open.js';
import {
  CALLERS,
  type CallerScript,
  type Holding,
  type PracticeScore,
  scorePractice,
  seedPractice,
} from './practice.js';

/** A temporary PostgreSQL server that nobody else uses. */
export interface ThrowAway {
  /** Its superuser. */
  readonly owner: string;
  /** Opens its database `postgres` as that role. */
  server(role: string): Server;
  /** Closes open connections, stops the server and removes its directory. */
  close(): Promise<void>;
}

/** Starts a temporary server. @param name part of its directory's name @throws E_TOOL_MISSING, E_UNFIT */
export type StartThrowAway = (name: string, note: (text: string) => void) => Promise<ThrowAway>;

/** The scripted callers and what they know. */
export interface Callers {
  /** The next caller; null = no more calls. */
  next(): CallerScript | null;
  /** The digits in the newest mail. */
  digits(): string;
  /** The code that this caller's app shows now; null = no app. */
  appCode(caller: CallerScript): string | null;
  /** A backup code of this caller; empty = none. */
  backupCode(caller: CallerScript): string;
}

/** A support desk on a temporary server, with scripted callers. */
export interface Practice {
  readonly desk: SupportDesk;
  readonly callers: Callers;
  /** Scores the calls that were taken. */
  score(): Promise<readonly PracticeScore[]>;
  /** Stops the server and removes its directory. */
  close(): Promise<void>;
}

/**
 * Opens a desk on a temporary PostgreSQL with the `native` application, potctl's schema and sample users. No mail leaves this process.
 *
 * @throws E_TOOL_MISSING, E_UNFIT
 */
export async function openPractice(host: Host, start: StartThrowAway, note: (text: string) => void): Promise<Practice> {
  const place = await start('practice', note);
  try {
    const owner = place.server(place.owner);
    const keys = new Map([['practice', new Uint8Array(randomBytes(32))]]);
    const held = await fillDatabase(host, owner, keys);
    const sent: Letter[] = [];
    const heard: CallerScript[] = [];
    return {
      desk: await practiceDesk(host, place.server(PRACTICE_ROLE), keys, sent),
      callers: callersOf(host, held, sent, heard),
      score: () => inSession(owner, (session) => scorePractice(session, heard)),
      close: place.close,
    };
  } catch (error) {
    await place.close();
    throw error;
  }
}

type Session = Awaited<ReturnType<Server['session']>>;

async function inSession<T>(server: Server, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await server.session({ purpose: 'practice' });
  return work(session).finally(() => session.close());
}

async function fillDatabase({ who }: Host, owner: Server, keys: Keyring): Promise<ReadonlyMap<string, Holding>> {
  const { operator, runId, traceId } = who;
  const setter = { operator, runId, traceId, ticket: null, reason: 'practice at the support desk' };
  const setup = await prepareSetup(owner, setter, { application: 'native', guardWrites: null });
  await setup.apply();
  return inSession(owner, (session) => seedPractice(session, keys));
}

async function practiceDesk(
  { clock, who, tool }: Host,
  server: Server,
  keys: Keyring,
  sent: Letter[],
): Promise<SupportDesk> {
  const { operator, osUser, hostname, runId, traceId } = who;
  const mfa = {
    clock,
    database: await openWithMfa(server, { name: 'native', schema: null }, 'support'),
    journal: JOURNAL,
    actor: {
      ...{ operator, osUser, hostname, runId, traceId, toolVersion: tool.version },
      ...{ reason: null, ticket: null, breakGlass: false },
    },
    policy: {
      ...{ profile: 'practice', isProduction: false, profileOnCommandLine: true, ticket: '^SUP-[0-9]+$' },
      ...{ protected: [], requiredForAdmin: false, issuer: 'Practice', codeForm: 'application' as const },
    },
    keys: async () => keys,
  };
  const mailer: Mailer = {
    canReach: (address): address is string => address !== null,
    send: async (letter) => void sent.push(letter),
  };
  return openDesk(mfa, mailer, () => newRunId(clock.now()));
}

function callersOf(
  { clock }: Host,
  held: ReadonlyMap<string, Holding>,
  sent: readonly Letter[],
  heard: CallerScript[],
): Callers {
  return {
    next() {
      const caller = CALLERS[heard.length];
      if (caller !== undefined) heard.push(caller);
      return caller ?? null;
    },
    digits: () => /\b\d{3} \d{3}\b/.exec(sent.at(-1)?.text ?? '')?.[0] ?? '',
    appCode({ username, phoneOffS }) {
      const now = clock.now().getTime();
      return phoneOffS === null ? null : codeShownAt(held.get(username)!.secret, now + phoneOffS * 1_000);
    },
    backupCode: ({ username, hasCode }) => (hasCode ? held.get(username)!.code : ''),
  };
}

import { setMaxListeners } from 'node:events';
import { onTestFinished } from 'vitest';
import type { Adapter } from '../../src/applications/application.js';
import type { Clock } from '../../src/kernel/clock.js';
import { asText, type SecretPlace, toNewFile } from '../../src/mfa/delivery.js';
import type { Mfa } from '../../src/mfa/open.js';
import { openPotctl } from '../../src/potctl.js';
import { testHost } from './host.js';
import { type MfaSite, WHY } from './mfa.js';

/** What may differ from an ordinary support session. */
export interface EngineOptions {
  readonly clock?: Clock;
  /** The role that logs in. Default: the cluster's own. */
  readonly user?: string;
  /** Those that are looked for. Default: those that potctl knows by itself. */
  readonly applications?: readonly Adapter[];
}

const WHO = {
  ...{ operator: 'maria@desk', osUser: 'maria', hostname: 'desk', runId: 'run' },
  ...{ traceId: '0af7651916cd43dd8448eb211c80319c', reason: WHY[1], ticket: null },
};

/** The door on a site's database, without a process: every use case has a session of its own. */
export async function engineOn(
  { database, config }: Pick<MfaSite, 'database' | 'config'>,
  { user, ...options }: EngineOptions = {},
): Promise<Mfa> {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const environment = { PGDATABASE: database.name, ...(user !== undefined && { PGUSER: user }) };
  const potctl = openPotctl(
    testHost({ ...options, environment, flags: { config, profile: 'test' }, who: WHO, signal }),
  );
  onTestFinished(() => potctl.close());
  return potctl.mfa();
}

/** A new file, as the place for what is seen once. */
export const into = (file: string) => async (): Promise<SecretPlace> => ({
  to: file,
  open: async () => toNewFile(file, asText),
});

/** The answers to codes that are all given at once: `totp`, `backup`, or the error's code; sorted. */
export async function verifyAll(mfa: Mfa, user: string, codes: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(codes.map((code) => verifyOne(mfa, user, code)));
  return answers.sort();
}

/** One answer: `totp`, `backup`, or the error's code. Who waits too long in a crowd asks again, as potctl says. */
export async function verifyOne(mfa: Mfa, user: string, code: string): Promise<string> {
  const answer = await mfa.verify({ user, code: async () => code, trustClock: true }).then(
    ({ by }) => by,
    (error: { code?: string }) => error.code ?? String(error),
  );
  return answer === 'E_DB_LOCKED' ? verifyOne(mfa, user, code) : answer;
}

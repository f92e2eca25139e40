import { setMaxListeners } from 'node:events';
import { openApplication } from '../../src/applications/open.js';
import { appendEntry } from '../../src/journal/entry.js';
import { readGuard, readSchemaVersion, readSetupProblem } from '../../src/journal/installed.js';
import { type Clock, systemClock } from '../../src/kernel/clock.js';
import type { Actor, MfaDeps, MfaPolicy } from '../../src/mfa/deps.js';
import { requireMfa } from '../../src/mfa/supported.js';
import { verifyCode } from '../../src/mfa/verify.js';
import { MFA_KEY, type MfaSite, WHY } from './mfa.js';
import { openTestServer } from './server.js';

/** What may differ from an ordinary support session. */
export interface EngineOptions {
  readonly clock?: Clock;
  readonly actor?: Partial<Actor>;
  readonly policy?: Partial<MfaPolicy>;
  /** The role that logs in. Default: the cluster's own. */
  readonly user?: string;
}

const ACTOR: Actor = {
  ...{ operator: 'maria@desk', osUser: 'maria', hostname: 'desk', toolVersion: 'test', runId: 'run' },
  ...{ traceId: '0af7651916cd43dd8448eb211c80319c', reason: WHY[1], ticket: null, breakGlass: false },
};

const POLICY: MfaPolicy = {
  ...{ profile: 'test', isProduction: false, profileOnCommandLine: true, ticket: null, protected: [] },
  ...{ requiredForAdmin: false, issuer: null, codeForm: 'application' },
};

/** The engine on a site's database, without a process: every command that it runs has a session of its own. */
export async function engineOn({ database }: MfaSite, options: EngineOptions = {}): Promise<MfaDeps> {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return {
    database: requireMfa(
      await openApplication(
        openTestServer(database.name, { signal }, options.user === undefined ? {} : { user: options.user }),
        { name: 'auto', schema: null },
        'test',
      ),
    ),
    clock: options.clock ?? systemClock,
    journal: { version: readSchemaVersion, append: appendEntry, problem: readSetupProblem, guard: readGuard },
    actor: { ...ACTOR, ...options.actor },
    policy: { ...POLICY, ...options.policy },
    keys: async () => new Map([['k1', MFA_KEY]]),
  };
}

/** The answers to codes that are all given at once: `totp`, `backup`, or the error's code; sorted. */
export async function verifyAll(deps: MfaDeps, user: string, codes: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(codes.map((code) => verifyOne(deps, user, code)));
  return answers.sort();
}

/** One answer: `totp`, `backup`, or the error's code. Who waits too long in a crowd asks again, as potctl says. */
export async function verifyOne(deps: MfaDeps, user: string, code: string): Promise<string> {
  const answer = await verifyCode(deps, user, code, { trustClock: true }).then(
    ({ by }) => by,
    (error: { code?: string }) => error.code ?? String(error),
  );
  return answer === 'E_DB_LOCKED' ? verifyOne(deps, user, code) : answer;
}

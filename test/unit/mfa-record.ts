import type { Factor, Person, WithMfa } from '../../src/applications/application.js';
import { systemClock } from '../../src/kernel/clock.js';
import type { MfaDeps, MfaPolicy } from '../../src/mfa/deps.js';
import { NO_MEMORY } from '../../src/mfa/desk/memory.js';
import type { MfaRecord } from '../../src/mfa/record.js';
import type { VerifierState } from '../../src/mfa/verifier-state.js';

export const ANA: Person = {
  ...{ id: 'u1', email: 'ana@example.com', username: 'ana', name: 'Ana', role: 'user', isAdmin: false, active: true },
  ...{ organizations: [], createdAt: '2020-01-01T00:00:00Z', lastLoginAt: null, lockedUntil: null, updatedAt: null },
};

export const FACTOR: Factor = {
  ...{ id: 'f1', kind: 'totp', label: null, state: 'enabled', secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ' },
  ...{ createdAt: null, verifiedAt: null, lastUsedAt: null },
};

export const VERIFIER: VerifierState = {
  ...{ blockedUntil: null, failures24h: 0, lastFailureAt: null, lastSuccessAt: null, failuresSinceSuccess: 0 },
  ...{ enrollmentAt: null, enrollmentMark: null, confirmedAt: null, replays: 0, resets: [], desk: NO_MEMORY },
};

/** Ana, who has one factor that works, and what the changes say. */
export function recordOf(changes: Partial<MfaRecord> = {}): MfaRecord {
  const { factors = [FACTOR], codes = [] } = changes;
  return {
    ...{
      person: ANA,
      nowMs: Date.UTC(2026, 10, 22),
      state: 'enabled',
      pending: null,
      codes,
      codesLeft: codes?.length ?? null,
      sessions: null,
    },
    ...{ installed: 3, verifier: VERIFIER, fingerprint: '', factors },
    enabled: factors.filter(({ state }) => state === 'enabled'),
    ...changes,
  };
}

/** For what is decided without asking anybody: a question to the database is an error. */
export function quietDeps(application: WithMfa, policy: Partial<MfaPolicy> = {}): MfaDeps {
  const nobody = (): Promise<never> => Promise.reject(new Error('this asks the database'));
  return {
    database: { application, schema: 'public', readsSecrets: true, session: nobody },
    clock: systemClock,
    journal: { version: nobody, append: nobody, problem: nobody, guard: nobody },
    actor: {
      ...{ operator: 'eva', osUser: 'eva', hostname: 'desk', toolVersion: '0', runId: 'r', traceId: 't' },
      ...{ reason: null, ticket: null, breakGlass: false },
    },
    policy: {
      ...{ profile: null, isProduction: false, profileOnCommandLine: false, ticket: null, protected: [] },
      ...{ requiredForAdmin: false, issuer: null, codeForm: 'application' },
      ...policy,
    },
    keys: async () => new Map(),
  };
}

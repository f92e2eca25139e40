import type { Settings } from '../src/config/settings.js';
import type { MfaDeps, MfaPolicy } from '../src/mfa/deps.js';
import type { Context } from './context.js';

/** What a command says besides the person. */
export interface MfaAsk {
  readonly purpose: string;
  /** A change: without --reason a person at the terminal is asked for it. */
  readonly change?: true;
  readonly breakGlass?: boolean;
}

/** What everything about second factors works with. Connects, and recognises the application. */
export async function mfaDeps(context: Context, { purpose, change, breakGlass = false }: MfaAsk): Promise<MfaDeps> {
  const { openApplication } = await import('../src/applications/open.js');
  const { readGuard, readSchemaVersion, readSetupProblem } = await import('../src/journal/installed.js');
  const { appendEntry } = await import('../src/journal/entry.js');
  const { requireMfa } = await import('../src/mfa/supported.js');
  const settings = await context.settings();
  const reason = change ? await reasonOf(context) : (context.change.reason ?? null);
  const { operator, osUser, hostname, runId, traceId, tool } = context;
  return {
    clock: context.clock,
    database: requireMfa(await openApplication(await context.server(), settings.application, purpose)),
    journal: { version: readSchemaVersion, append: appendEntry, problem: readSetupProblem, guard: readGuard },
    actor: {
      ...{ operator, osUser, hostname, runId, traceId, reason, breakGlass },
      ...{ toolVersion: tool.version, ticket: context.change.ticket ?? null },
    },
    policy: policyOf(settings),
    async keys() {
      const { readKeys } = await import('../src/mfa/keys.js');
      return readKeys({ files: settings.mfa.keys, credentialsDirectory: settings.mfa.credentialsDirectory });
    },
  };
}

async function reasonOf({ change, terminal }: Context): Promise<string | null> {
  return change.reason ?? (await terminal?.typed('Why? (for the record, ten letters or more)')) ?? null;
}

function policyOf({ profile, mfa, guards }: Settings): MfaPolicy {
  return {
    profile: profile.name,
    isProduction: profile.environment === 'production',
    profileOnCommandLine: profile.onCommandLine,
    ticket: guards.ticket,
    protected: guards.protected,
    requiredForAdmin: mfa.requiredForAdmin,
    issuer: mfa.issuer,
    codeForm: mfa.codeForm,
  };
}

import type { Settings } from '../config/settings.js';
import type { Base } from '../host/base.js';
import type { Host, Who } from '../host/host.js';
import { once } from '../kernel/once.js';
import type { Prepared } from '../kernel/prepared.js';
import type { ChangePlan, ChangeResult } from './change.js';
import type { CodesRequest, CodesResult } from './codes.js';
import type { ConfirmPlan, ConfirmRequest, ConfirmResult } from './confirm.js';
import type { Actor, MfaDeps, MfaPolicy } from './deps.js';
import type { SupportDesk } from './desk/open.js';
import type { Practice, StartThrowAway } from './desk/practice-ground.js';
import type { Diagnosis } from './diagnosis.js';
import type { EnrollRequest, EnrollResult } from './enroll.js';
import type { ExplainRequest } from './explain.js';
import type { MfaFilter, MfaRow } from './list.js';
import type { Posture } from './posture.js';
import type { ChangeRequest } from './request.js';
import type { RotatePlan, RotateRequest, RotateResult } from './rotate.js';
import type { MfaStats } from './stats.js';
import type { MfaStatus } from './status.js';
import type { UnlockOptions } from './unlock.js';
import type { VerifyRequest, VerifyResult } from './verify.js';

/**
 * The use cases of second factors. Each connects and detects the application first.
 *
 * @throws E_UNSUPPORTED if the application has no second factors; E_APPLICATION, E_DB_*
 */
export interface Mfa {
  /** The state of one user: id, email or user name. */
  status(user: string): Promise<MfaStatus>;
  /** Streams users in batches, ordered by id. Default: all. */
  list(filter?: MfaFilter): AsyncIterable<readonly MfaRow[]>;
  stats(): Promise<MfaStats>;
  /** Finds out why a user cannot sign in. A given code is used up. */
  explain(request: ExplainRequest): Promise<Diagnosis>;
  /** Checks all second factors. @param options.keys also decrypt every stored secret */
  check(options?: { readonly keys?: boolean | undefined }): Promise<Posture>;
  /** Verifies a caller's identity by a code, which is used up; a refused one is counted. */
  verify(request: VerifyRequest): Promise<VerifyResult>;
  enroll(request: EnrollRequest): Promise<Prepared<ChangePlan, EnrollResult>>;
  confirm(request: ConfirmRequest): Promise<Prepared<ConfirmPlan, ConfirmResult>>;
  codes(request: CodesRequest): Promise<Prepared<ChangePlan, CodesResult>>;
  /** Removes all factors and ends all sessions, for a lost phone. */
  reset(request: ChangeRequest): Promise<Prepared<ChangePlan, ChangeResult>>;
  /** Disables the second factor. @param request.factor only this one; absent = all, of every kind */
  disable(
    request: ChangeRequest & { readonly factor?: string | undefined },
  ): Promise<Prepared<ChangePlan, ChangeResult>>;
  unlock(request: ChangeRequest & UnlockOptions): Promise<Prepared<ChangePlan, ChangeResult>>;
  rotate(request: RotateRequest): Promise<Prepared<RotatePlan, RotateResult>>;
  /** Opens the support desk. @throws E_PROFILE_REQUIRED, E_SETUP_MISSING */
  desk(): Promise<SupportDesk>;
  /** Opens a support desk on a temporary server, to practice. @param note is called with progress messages */
  practice(note: (text: string) => void): Promise<Practice>;
}

/** Wires the use cases of second factors. Nothing is opened before it is needed. */
export function openMfa(base: Base, startThrowAway: StartThrowAway): Mfa {
  const { host } = base;
  const depsOf = wiring(base);
  return {
    status: async (user) => (await import('./status.js')).readStatus(await depsOf('mfa.status'), user),
    async *list(filter) {
      const { listPeople } = await import('./list.js');
      yield* listPeople(await depsOf('mfa.list'), filter);
    },
    stats: async () => (await import('./stats.js')).readStats(await depsOf('mfa.stats')),
    async explain({ user, code }) {
      const { explainPerson } = await import('./explain.js');
      // A code is used up.
      const deps = await depsOf('mfa.explain', code && {});
      return explainPerson(deps, user, (await code?.()) ?? null);
    },
    check: async (options) => (await import('./posture.js')).checkPosture(await depsOf('mfa.check'), options),
    async verify({ user, code, trustClock = false, breakGlass }) {
      const { verifyCode } = await import('./verify.js');
      const deps = await depsOf('mfa.verify', { breakGlass });
      return verifyCode(deps, user, await code(), { trustClock });
    },
    async enroll(request) {
      const { prepareEnroll, refuseHidden } = await import('./enroll.js');
      refuseHidden(request);
      return prepareEnroll(await depsOf('mfa.enroll', request), request);
    },
    confirm: async (request) =>
      (await import('./confirm.js')).prepareConfirm(await depsOf('mfa.confirm', request), request),
    codes: async (request) => (await import('./codes.js')).prepareCodes(await depsOf('mfa.codes', request), request),
    async reset(request) {
      const { prepareDisable } = await import('./disable.js');
      return prepareDisable(await depsOf('mfa.reset', request), request.user, { action: 'reset', factorId: null });
    },
    async disable({ factor = null, ...request }) {
      const { prepareDisable } = await import('./disable.js');
      return prepareDisable(await depsOf('mfa.disable', request), request.user, {
        action: 'disable',
        factorId: factor,
      });
    },
    unlock: async (request) =>
      (await import('./unlock.js')).prepareUnlock(await depsOf('mfa.unlock', request), request.user, request),
    async rotate(request) {
      const { prepareRotation } = await import('./rotate.js');
      return prepareRotation(await depsOf('mfa.rotate', request), request, host.progress);
    },
    async desk() {
      const { openDesk } = await import('./desk/open.js');
      const { createMailer } = await import('../notify/mail.js');
      const { refuseProtected } = await import('../config/unsupported.js');
      const { notify, refusals } = await base.settings();
      refuseProtected(refusals, 'support');
      const { email } = notify;
      const deps = await depsOf('support', {});
      return openDesk(deps, email === null ? null : createMailer(email), () => base.nextRun().runId);
    },
    practice: async (note) => (await import('./desk/practice-ground.js')).openPractice(host, startThrowAway, note),
  };
}

/** Overrides of who the host says is acting. */
type Acting = Pick<ChangeRequest, 'reason' | 'breakGlass'>;

/** Connects once, for the first use case. Each change gets its own run and reason; read-only use cases pass no `acting`. */
function wiring({ host, settings, server, nextRun }: Base): (purpose: string, acting?: Acting) => Promise<MfaDeps> {
  const connect = async (purpose: string): Promise<Omit<MfaDeps, 'actor'>> => {
    const { JOURNAL } = await import('./journal-port.js');
    const { openWithMfa } = await import('./supported.js');
    const { application, ...rest } = await settings();
    return {
      database: await openWithMfa(await server(), application, purpose, host.applications),
      clock: host.clock,
      journal: JOURNAL,
      policy: policyOf(rest),
      async keys() {
        const { readKeys } = await import('./keys.js');
        return readKeys({ files: rest.mfa.keys, credentialsDirectory: rest.mfa.credentialsDirectory });
      },
    };
  };
  let first = '';
  const opened = once(() => connect(first));
  return async (purpose, acting) => {
    first = purpose;
    const { database, clock, journal, policy, keys } = await opened();
    return { database, clock, journal, policy, keys, actor: actorOf(host.tool, acting ? nextRun() : host.who, acting) };
  };
}

/** Returns who makes the change, as recorded in the journal. */
function actorOf(tool: Host['tool'], who: Who, { reason = who.reason, breakGlass = false }: Acting = {}): Actor {
  const { operator, osUser, hostname, runId, traceId, ticket } = who;
  return { operator, osUser, hostname, runId, traceId, ticket, reason, breakGlass, toolVersion: tool.version };
}

function policyOf({ profile, mfa, guards }: Pick<Settings, 'profile' | 'mfa' | 'guards'>): MfaPolicy {
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

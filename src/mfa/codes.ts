import type { CodeKind, WithMfa } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { potctl } from '../kernel/next.js';
import type { Prepared } from '../kernel/prepared.js';
import { Secret } from '../kernel/secret.js';
import { CODES, makeBackupCodes, storedCodes } from './backup-codes.js';
import { applyChange, type ChangePlan, type ChangeResult, planChange, plannedResult } from './change.js';
import type { Delivery, SecretPlace } from './delivery.js';
import type { Uses } from './deps.js';
import { unchanged } from './kept.js';
import { argumentOf, nameOf } from './people.js';
import type { MfaRecord } from './record.js';
import type { ChangeRequest, CodeForm, Named } from './request.js';
import type { Transaction } from './transaction.js';

/** A request for new backup codes. */
export interface CodesRequest extends ChangeRequest {
  /** Default: the profile's `mfa.code_form`. */
  readonly form?: CodeForm | undefined;
  /** Chooses where the codes go, once the plan is made. @param about.use what the codes are for; printed after a colon */
  place(about: { readonly person: Named; readonly use: string }): Promise<SecretPlace>;
}

export interface CodesResult extends ChangeResult {
  /** Where the codes went, or would go. */
  readonly codes_to: string;
  /** What they are for; printed after a colon. */
  readonly codes_use: string;
}

/** New backup codes, as shown and as stored. */
export interface NewCodes {
  readonly shown: readonly string[];
  readonly stored: readonly string[];
}

/**
 * Returns the form of new codes.
 *
 * @throws E_UNSUPPORTED if the application has no backup codes, or no separate login form
 */
export function codeKindOf({ mfa: { codes }, name }: WithMfa, form: CodeForm): CodeKind {
  if (codes === undefined) throw new PotctlError('E_UNSUPPORTED', `backup codes are not supported by '${name}'`);
  if (form === 'application') return codes.kind;
  if (codes.loginKind !== undefined) return codes.loginKind;
  throw new PotctlError('E_UNSUPPORTED', `'${name}' has only one form of backup codes`, {
    fix: ['Leave out `--code-form login`, or `mfa.code_form` in the profile.'],
  });
}

/** Says what new backup codes are for, to be printed after a colon: not every application's login accepts them. */
export function codesUse(application: WithMfa, form: CodeForm): string {
  const { mfa, name } = application;
  const { codes } = mfa;
  if (codes === undefined) return '';
  return codes.atLogin.includes(codeKindOf(application, form))
    ? 'each one works once at sign-in, instead of a code from the app.'
    : `each one works once, to verify your identity to support; the login of '${name}' does not accept it.`;
}

/** Makes and hashes new codes. Takes up to a second: do not call it in a transaction. {@link Secret} keeps the codes out of all output. */
export async function makeCodes(kind: CodeKind): Promise<NewCodes> {
  const shown = makeBackupCodes(kind).map((code) => new Secret(code).reveal());
  return { shown, stored: await storedCodes(kind, shown) };
}

/** Replaces all old codes, in the given transaction. */
export async function storeCodes(
  { database }: Uses<'database'>,
  transaction: Transaction,
  { person }: MfaRecord,
  { stored }: NewCodes,
): Promise<void> {
  await transaction.conceal(stored);
  await database.application.mfa.codes!.replace(transaction, person);
}

/**
 * Plans new backup codes and chooses where they go. Applying it replaces all old codes and hands out the new ones once.
 *
 * @throws what `request.place` throws, and as {@link planCodes}
 */
export async function prepareCodes(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  request: CodesRequest,
): Promise<Prepared<ChangePlan, CodesResult>> {
  const form = request.form ?? deps.policy.codeForm;
  const plan = await planCodes(deps, request.user, form);
  const use = codesUse(deps.database.application, form);
  const place = await request.place({ person: { name: plan.phrase, id: plan.record.person.id }, use });
  return {
    plan,
    dryRun: async () => ({ ...plannedResult(plan), codes_to: place.to, codes_use: use }),
    async apply() {
      const delivery = await place.open();
      return { ...(await replaceCodes(deps, plan, form, delivery)), codes_to: delivery.to, codes_use: use };
    },
  };
}

/**
 * Plans new backup codes. Changes nothing.
 *
 * @throws E_UNSUPPORTED, E_MFA_STATE (not enabled), and as planChange
 */
export async function planCodes(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  wanted: string,
  form: CodeForm,
): Promise<ChangePlan> {
  codeKindOf(deps.database.application, form);
  return planChange(deps, wanted, 'codes', ({ person, state, codes }) => {
    if (state !== 'enabled') {
      throw new PotctlError('E_MFA_STATE', `'${nameOf(person)}' has no enabled second factor, so no backup codes`, {
        fix: [potctl('mfa', state === 'pending' ? 'confirm' : 'enroll', argumentOf(person))],
      });
    }
    const count = codes?.length ?? 'all';
    const old = count === 0 ? [] : [`${count} old ${count === 1 ? 'backup code stops' : 'backup codes stop'} working`];
    return { changes: true, steps: [...old, `${CODES} new backup codes are shown once`] };
  });
}

/**
 * Replaces all backup codes.
 *
 * @param delivery gets the codes, one per line
 * @throws as applyChange
 */
export async function replaceCodes(
  deps: Uses<'database' | 'journal' | 'actor'>,
  plan: ChangePlan,
  form: CodeForm,
  delivery: Delivery,
): Promise<ChangeResult> {
  const codes = await makeCodes(codeKindOf(deps.database.application, form));
  const takeBack = await delivery.prepare(codes.shown);
  const result = await applyChange(deps, plan, {
    event: 'codes',
    expect: (record) => ({ ...unchanged(record), codes: codes.stored }),
    async run(transaction, record) {
      await storeCodes(deps, transaction, record, codes);
      return { codes_before: record.codes?.length ?? null, codes_left: CODES, form };
    },
  }).catch(async (error: unknown) => {
    await takeBack();
    throw error;
  });
  await delivery.hand(codes.shown);
  return result;
}

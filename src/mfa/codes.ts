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

/** New backup codes, and where they go. */
export interface CodesRequest extends ChangeRequest {
  /** Default: as the profile says. */
  readonly form?: CodeForm | undefined;
  /** Chooses the place once the plan stands. @param about.use what the codes are good for, to follow a colon */
  place(about: { readonly person: Named; readonly use: string }): Promise<SecretPlace>;
}

export interface CodesResult extends ChangeResult {
  /** Where the codes went, or would go. */
  readonly codes_to: string;
  /** What they are good for, to follow a colon. */
  readonly codes_use: string;
}

/** A new set: to be shown once, and to be stored. */
export interface NewCodes {
  readonly shown: readonly string[];
  readonly stored: readonly string[];
}

/**
 * The form of new codes.
 *
 * @throws E_UNSUPPORTED where the application has no backup codes, or no other form
 */
export function codeKindOf({ mfa: { codes }, name }: WithMfa, form: CodeForm): CodeKind {
  if (codes === undefined) throw new PotctlError('E_UNSUPPORTED', `backup codes are not supported by '${name}'`);
  if (form === 'application') return codes.kind;
  if (codes.loginKind !== undefined) return codes.loginKind;
  throw new PotctlError('E_UNSUPPORTED', `'${name}' has one form of backup codes only`, {
    fix: ['Leave out `--code-form login`, or `mfa.code_form` in the profile.'],
  });
}

/** What new backup codes are good for, to follow a colon: not every application's login can take them. */
export function codesUse(application: WithMfa, form: CodeForm): string {
  const { mfa, name } = application;
  const { codes } = mfa;
  if (codes === undefined) return '';
  return codes.atLogin.includes(codeKindOf(application, form))
    ? 'each one works once at the login, instead of a code from the app.'
    : `each one works once, to prove to support who is calling; the login of '${name}' cannot take it.`;
}

/** Makes and hashes a set; takes up to a second, so not inside a transaction. The codes never print: {@link Secret} knows them. */
export async function makeCodes(kind: CodeKind): Promise<NewCodes> {
  const shown = makeBackupCodes(kind).map((code) => new Secret(code).reveal());
  return { shown, stored: await storedCodes(kind, shown) };
}

/** Puts a new set in the place of all old codes, within the transaction. */
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
 * Says what new codes would do, and chooses where they go. Applied, it replaces all backup codes, and hands the new ones out once.
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
 * Says what new codes would do. Changes nothing.
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
      throw new PotctlError('E_MFA_STATE', `'${nameOf(person)}' has no second factor: backup codes belong to one`, {
        fix: [potctl('mfa', state === 'pending' ? 'confirm' : 'enroll', argumentOf(person))],
      });
    }
    const count = codes?.length ?? 'all';
    const old = count === 0 ? [] : [`${count} old ${count === 1 ? 'code stops' : 'codes stop'} working`];
    return { changes: true, steps: [...old, `${CODES} new codes, shown once`] };
  });
}

/**
 * Replaces all backup codes.
 *
 * @param delivery gets the codes, one a line
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

import type { Application, CodeKind } from '../applications/application.js';
import { PotctlError } from '../kernel/errors.js';
import { potctl } from '../kernel/next.js';
import { Secret } from '../kernel/secret.js';
import { CODES, makeBackupCodes, storedCodes } from './backup-codes.js';
import { applyChange, type ChangePlan, type ChangeResult, planChange, plannedResult } from './change.js';
import type { Delivery } from './delivery.js';
import type { MfaDeps } from './deps.js';
import { unchanged } from './kept.js';
import { argumentOf, nameOf } from './people.js';
import type { MfaRecord } from './record.js';
import type { Transaction } from './transaction.js';

/** Which form new codes have. */
export interface CodesOptions {
  readonly form: 'application' | 'login';
  readonly dryRun: boolean;
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
export function codeKindOf({ codes, name }: Application, form: CodesOptions['form']): CodeKind {
  if (codes === undefined) throw new PotctlError('E_UNSUPPORTED', `backup codes are not supported by '${name}'`);
  if (form === 'application') return codes.kind;
  if (codes.loginKind !== undefined) return codes.loginKind;
  throw new PotctlError('E_UNSUPPORTED', `'${name}' has one form of backup codes only`, {
    fix: ['Leave out `--code-form login`, or `mfa.code_form` in the profile.'],
  });
}

/** What new backup codes are good for, to follow a colon: not every application's login can take them. */
export function codesUse(application: Application, form: CodesOptions['form']): string {
  const { codes, name } = application;
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
  { database }: MfaDeps,
  transaction: Transaction,
  { person }: MfaRecord,
  { stored }: NewCodes,
): Promise<void> {
  await transaction.conceal(stored);
  await database.application.codes!.replace(transaction, person);
}

/**
 * Says what new codes would do. Changes nothing.
 *
 * @throws E_UNSUPPORTED, E_MFA_STATE (not enabled), and as planChange
 */
export async function planCodes(deps: MfaDeps, wanted: string, { form }: CodesOptions): Promise<ChangePlan> {
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
  deps: MfaDeps,
  plan: ChangePlan,
  options: CodesOptions,
  delivery: Delivery,
): Promise<ChangeResult> {
  if (options.dryRun) return plannedResult(plan);
  const codes = await makeCodes(codeKindOf(deps.database.application, options.form));
  const takeBack = await delivery.prepare(codes.shown);
  const result = await applyChange(deps, plan, {
    event: 'codes',
    expect: (record) => ({ ...unchanged(record), codes: codes.stored }),
    async run(transaction, record) {
      await storeCodes(deps, transaction, record, codes);
      return { codes_before: record.codes?.length ?? null, codes_left: CODES, form: options.form };
    },
  }).catch(async (error: unknown) => {
    await takeBack();
    throw error;
  });
  await delivery.hand(codes.shown);
  return result;
}

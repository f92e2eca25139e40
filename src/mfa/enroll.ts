import { randomBytes, randomUUID } from 'node:crypto';
import { counted, verb } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import { hiddenCharacterIn } from '../kernel/hidden-character.js';
import { advice, again, potctl } from '../kernel/next.js';
import type { Prepared } from '../kernel/prepared.js';
import { Secret } from '../kernel/secret.js';
import { encodeBase32 } from './base32.js';
import { applyChange, type ChangePlan, type ChangeResult, planChange, plannedResult } from './change.js';
import type { Delivery, SecretPlace } from './delivery.js';
import type { Uses } from './deps.js';
import { storedForm } from './factor-secret.js';
import { liveOf } from './kept.js';
import { argumentOf, keyOf, nameOf } from './people.js';
import { provisioningUri, SECRET_BYTES } from './provisioning-uri.js';
import type { MfaRecord } from './record.js';
import type { ChangeRequest, Named } from './request.js';
import { markOf } from './secret-mark.js';

/** Options of an enrollment. */
interface EnrollOptions {
  /** Add another factor, if the application allows several. */
  readonly another: boolean;
  /** Name of the factor, if the application stores one. */
  readonly label: string;
  /** null = the profile's, else the application's. */
  readonly issuer: string | null;
}

/** A request for an enrollment. */
export interface EnrollRequest extends ChangeRequest {
  /** Add another factor, if the application allows several. Default: refuse a second one. */
  readonly another?: boolean | undefined;
  /** Name of the factor, if the application stores one. Default `Authenticator App`. */
  readonly label?: string | undefined;
  /** Default: the profile's, else the application's. */
  readonly issuer?: string | null | undefined;
  /** Chooses where the secret goes, once the plan is made. @param about.sample a URI as long as the one that will be shown */
  place(about: { readonly person: Named; readonly sample: string }): Promise<SecretPlace>;
}

export interface EnrollResult extends ChangeResult {
  /** Until when potctl confirms it; the application itself may confirm it later. */
  readonly expires_at: string | null;
  /** Where the secret went, or would go. */
  readonly secret_to: string;
}

const EXPIRES_MS = 24 * 3_600_000;

/** As long as every new key, to measure the QR code before it exists. */
const SAMPLE_KEY = 'A'.repeat(32);

/**
 * Plans an enrollment and chooses where its secret goes. Applying it stores the new secret as pending and hands it out once.
 *
 * @throws E_MFA_STATE (there already is a factor), E_USAGE (issuer), what `request.place` throws, and as {@link planChange}
 */
export async function prepareEnroll(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy' | 'keys'>,
  request: EnrollRequest,
): Promise<Prepared<ChangePlan, EnrollResult>> {
  const { another = false, label = 'Authenticator App', issuer = null } = request;
  const options = { another, label, issuer };
  const plan = await planEnroll(deps, request.user, options);
  const sample = uriOf(deps, plan.record, options, SAMPLE_KEY);
  const place = await request.place({ person: { name: plan.phrase, id: plan.record.person.id }, sample });
  return {
    plan,
    dryRun: async () => ({ ...plannedResult(plan), expires_at: null, secret_to: place.to }),
    apply: async () => enroll(deps, plan, options, await place.open()),
  };
}

/** Checks the name of a factor, which the application shows to the user. @throws E_USAGE for control and hidden characters */
export function refuseHidden({ label = '' }: Pick<EnrollRequest, 'label'>): void {
  const hidden = hiddenCharacterIn(label);
  if (hidden === null) return;
  throw new PotctlError('E_USAGE', `'--name' contains ${hidden}, a control or hidden character`, {
    fix: ['Give a name without control or hidden characters.'],
  });
}

async function planEnroll(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy'>,
  wanted: string,
  options: EnrollOptions,
): Promise<ChangePlan> {
  return planChange(deps, wanted, 'enroll', (record) => {
    const { person, pending, codes } = record;
    uriOf(deps, record, options, 'A');
    refuseSecond(deps, record, options);
    return {
      changes: true,
      steps: [
        ...(pending === null ? [] : ['the earlier, unconfirmed secret is removed']),
        ...(clearsCodes(deps, record) && codes !== null && codes.length > 0
          ? [
              `${counted(codes.length, 'backup code')} of an earlier factor ${verb(codes.length, 'stops', 'stop')} working`,
            ]
          : []),
        `a new secret for ${nameOf(person)} is shown once; it is inactive until its first code is confirmed (in potctl within 24 hours)`,
      ],
    };
  });
}

/**
 * Stores a new secret as pending and hands it out once.
 *
 * @param delivery gets the secret in base32 and the `otpauth://` URI, in this order
 * @throws as applyChange, and what `delivery` throws before the commit: nothing is changed then
 */
async function enroll(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy' | 'keys'>,
  plan: ChangePlan,
  options: EnrollOptions,
  delivery: Delivery,
): Promise<EnrollResult> {
  const { application } = deps.database;
  const { person } = plan.record;
  const secret = randomBytes(SECRET_BYTES);
  const factorId = application.mfa.factorId === 'own' ? randomUUID() : person.id;
  const text = new Secret(encodeBase32(secret)).reveal();
  const lines = [text, new Secret(uriOf(deps, plan.record, options, text)).reveal()];
  const stored = await storedForm(deps, person, factorId, secret);
  const takeBack = await delivery.prepare(lines);
  const clears = clearsCodes(deps, plan.record);
  const result = await applyChange(deps, plan, {
    ...{ event: 'enroll', factorId },
    expect: (record) => ({
      factors: [
        ...liveOf(record).filter((one) => one.kind !== 'totp' || one.state !== 'pending'),
        { id: factorId, state: 'pending', secret: stored },
      ],
      codes: clears ? [] : record.codes,
    }),
    async run(transaction) {
      await transaction.conceal([stored]);
      await application.mfa.enroll(transaction, person, { factorId, label: options.label });
      if (clears) await application.mfa.codes!.clear(transaction, person);
      const names = [`${application.name}:${factorId}#${markOf(secret)}`, keyOf(application, person)];
      await transaction.query('select potctl.mfa_enrollment_began($1, $2)', names);
      return { factor: factorId, ...(clears && { codes_left: 0 }) };
    },
  }).catch(async (error: unknown) => {
    await takeBack();
    throw error;
  });
  await delivery.hand(lines);
  const expires = new Date(plan.record.nowMs + EXPIRES_MS).toISOString();
  return { ...result, expires_at: expires, secret_to: delivery.to };
}

/** Backup codes of an earlier factor must be removed, or they would work again once the application confirms the new one. */
const clearsCodes = ({ database }: Uses<'database'>, { state }: MfaRecord): boolean =>
  database.application.mfa.codes !== undefined && state !== 'enabled';

/** Returns the `otpauth://` URI for this person and secret. @throws E_USAGE */
function uriOf(
  { database, policy }: Uses<'database' | 'policy'>,
  { person }: MfaRecord,
  options: EnrollOptions,
  secret: string,
): string {
  const issuer = options.issuer ?? policy.issuer ?? database.application.mfa.totp.issuer;
  return provisioningUri(issuer, person.email ?? person.username ?? person.id, secret);
}

function refuseSecond(
  { database }: Uses<'database'>,
  { person, state, enabled }: MfaRecord,
  { another }: EnrollOptions,
): void {
  if (state !== 'enabled') return;
  const {
    name,
    mfa: { several },
  } = database.application;
  if (several && another) return;
  throw new PotctlError('E_MFA_STATE', `'${nameOf(person)}' already has a second factor`, {
    why: enabled.map(({ kind, label, verifiedAt }) => [kind, label, verifiedAt].filter(Boolean).join(', ')).join('; '),
    fix: [
      advice`To replace it: ${potctl('mfa', 'reset', argumentOf(person))}, then enroll.`,
      ...(several ? [advice`To add another one: ${again('--another')}.`] : [`'${name}' stores only one per user.`]),
    ],
  });
}

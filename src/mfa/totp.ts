import { createGuardrails, generateSync, verifySync } from 'otplib';
import type { TotpRules } from '../applications/application.js';

/** How long one code is valid, in seconds. All four applications use this, with SHA-1 and six digits. */
export const PERIOD_S = 30;

/** How far a diagnosis searches to either side, in time steps: ten minutes. Codes outside the window are never accepted. */
export const DIAGNOSIS_STEPS = 20;

/** Secrets of any length are read; the rules of each application decide which it accepts. */
const GUARDRAILS = createGuardrails({ MIN_SECRET_BYTES: 1, MAX_SECRET_BYTES: Number.MAX_SAFE_INTEGER });

/** Returns the 30 s time step at a moment, as the application counts it. */
export function stepAt(ms: number, second: TotpRules['second']): number {
  const seconds = second === 'round' ? Math.round(ms / 1_000) : Math.floor(ms / 1_000);
  return Math.floor(seconds / PERIOD_S);
}

/** Returns whether `code` belongs to exactly this time step; compares in constant time. @see RFC 6238 */
export function isCodeOfStep(secret: Uint8Array, code: string, step: number): boolean {
  if (step < 0) return false;
  const options = { secret, token: code, epoch: step * PERIOD_S, period: PERIOD_S, epochTolerance: 0 };
  return verifySync({ ...options, algorithm: 'sha1', digits: 6, guardrails: GUARDRAILS }).valid === true;
}

/** Returns the code that an app shows at a moment, for practice. */
export function codeShownAt(secret: Uint8Array, ms: number): string {
  const counter = stepAt(ms, 'floor');
  return generateSync({ strategy: 'hotp', secret, counter, digits: 6, algorithm: 'sha1', guardrails: GUARDRAILS });
}

/** The time step that a code belongs to. */
export interface CodeMatch {
  readonly step: number;
  /** Time steps from now: −1 = the previous code. */
  readonly offset: number;
}

/**
 * Finds the time step of a code within `reach` steps of now; the nearest one if several match. All steps are compared, so that the time taken
 * reveals nothing.
 *
 * @param ms the database's clock, so that two machines agree
 */
export function findCode(
  secret: Uint8Array,
  code: string,
  ms: number,
  { second, reach }: { readonly second: TotpRules['second']; readonly reach: number },
): CodeMatch | null {
  const now = stepAt(ms, second);
  const offsets = Array.from({ length: 2 * reach + 1 }, (_, at) => at - reach);
  const hits = offsets.filter((offset) => isCodeOfStep(secret, code, now + offset));
  const [nearest] = hits.sort((a, b) => Math.abs(a) - Math.abs(b));
  return nearest === undefined ? null : { step: now + nearest, offset: nearest };
}

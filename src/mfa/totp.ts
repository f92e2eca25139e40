import { createGuardrails, generateSync, verifySync } from 'otplib';
import type { TotpRules } from '../applications/application.js';

/** Seconds of one code. All four applications use it, with SHA-1 and six digits. */
export const PERIOD_S = 30;

/** How far a diagnosis looks to either side, in steps: ten minutes. Nothing outside the window is ever accepted. */
export const DIAGNOSIS_STEPS = 20;

/** Short and long secrets are read, and short ones reported; neither is ever made. What an application refuses, its own rules say. */
const GUARDRAILS = createGuardrails({ MIN_SECRET_BYTES: 1, MAX_SECRET_BYTES: Number.MAX_SAFE_INTEGER });

/** The step of 30 s that an application counts at this moment. */
export function stepAt(ms: number, second: TotpRules['second']): number {
  const seconds = second === 'round' ? Math.round(ms / 1_000) : Math.floor(ms / 1_000);
  return Math.floor(seconds / PERIOD_S);
}

/** Is `code` the one of exactly that step? Strictly a boolean, compared in constant time. @see RFC 6238 */
export function isCodeOfStep(secret: Uint8Array, code: string, step: number): boolean {
  if (step < 0) return false;
  const options = { secret, token: code, epoch: step * PERIOD_S, period: PERIOD_S, epochTolerance: 0 };
  return verifySync({ ...options, algorithm: 'sha1', digits: 6, guardrails: GUARDRAILS }).valid === true;
}

/** What an app shows at that moment; for rehearsals. */
export function codeShownAt(secret: Uint8Array, ms: number): string {
  const counter = stepAt(ms, 'floor');
  return generateSync({ strategy: 'hotp', secret, counter, digits: 6, algorithm: 'sha1', guardrails: GUARDRAILS });
}

/** Where a code fits. */
export interface CodeMatch {
  readonly step: number;
  /** Steps from now: −1 is the code that was shown before this one. */
  readonly offset: number;
}

/**
 * Looks for a code within `reach` steps around the present one, nearest first in the answer; every step is compared, so that the time tells
 * nothing.
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

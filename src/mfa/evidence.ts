import type { MfaDeps } from './deps.js';
import type { Finding, Seen } from './diagnosis.js';
import { untilText } from './verifier-state.js';

/** From here on two clocks that should agree explain refused codes. */
export const CLOCK_MS = 5_000;

const finding = (check: string, result: Finding['result'], detail: string): Finding => ({ check, result, detail });

/** Everything that was looked at, one line each: also what is well. */
export function evidence({ database }: MfaDeps, seen: Seen): Finding[] {
  const { status, clockMs } = seen;
  const { noReplayGuard, login } = database.application.facts;
  const { active } = status.user;
  const account = active === null ? 'the application does not say' : active ? 'active' : 'switched off';
  const lock = status.lock === null ? 'none' : `by ${status.lock.by} ${untilText(status.lock.until)}`;
  const clock = `this machine and the database differ by ${(Math.abs(clockMs) / 1_000).toFixed(1)} s`;
  const { state } = status;
  return [
    finding('account', active === false ? 'problem' : active === null ? 'info' : 'ok', account),
    finding('lock', status.lock === null ? 'ok' : 'problem', lock),
    finding('state', state === 'enabled' ? 'ok' : state === 'unknown' ? 'unknown' : 'problem', state),
    ...secretFindings(seen),
    codesFinding(seen),
    finding('clock', Math.abs(clockMs) > CLOCK_MS ? 'problem' : 'ok', clock),
    attemptsFinding(seen),
    ...[noReplayGuard, login].filter((text) => text).map((text) => finding('application', 'info', text!)),
  ];
}

function secretFindings({ status }: Seen): Finding[] {
  const words = status.factors.map(({ secret }) => secret).filter((secret) => secret !== null);
  return words.map((secret) => {
    const result = secret === 'hidden' ? 'unknown' : secret.startsWith('good') ? 'ok' : 'problem';
    return finding('secret', result, secret);
  });
}

function codesFinding({ status }: Seen): Finding {
  if (status.codes === null) return finding('backup codes', 'info', 'this application has none');
  const { left } = status.codes;
  if (left === null) return finding('backup codes', 'unknown', 'hidden from this role');
  return finding('backup codes', left === 0 && status.state === 'enabled' ? 'problem' : 'ok', `${left} left`);
}

function attemptsFinding({ record: { verifier } }: Seen): Finding {
  if (verifier === null)
    return finding('refused codes', 'unknown', 'potctl is not set up here, or this role may not read it');
  const { failures24h, replays } = verifier;
  const detail = `${failures24h} in 24 hours through potctl, ${replays} used twice`;
  return finding('refused codes', failures24h > 0 ? 'problem' : 'ok', detail);
}

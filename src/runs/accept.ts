import type { Check } from '../kernel/check.js';
import { PotctlError } from '../kernel/errors.js';

/** A check that blocks a restore until it is accepted by its stable name: it failed, or could not be made. */
export interface Finding extends Check {
  readonly state: 'fail' | 'unknown';
}

/** A finding that was accepted, as stored in the record of the run. */
export interface Accepted {
  readonly name: string;
  readonly evidence: string;
}

/** Names of findings of the plan, before anything is restored. */
const BY_PLAN = [
  'slot NAME', 'subscription NAME', 'publication NAME', 'pg_cron', 'damage:BACKUP', 'server-version', 'space',
  'extension:NAME', 'owner:ROLE', 'superuser:OBJECT',
]; // biome-ignore format: a table of words
/** Names of findings of the checks of the restored database. */
const BY_CHECKS = [
  'object:KIND NAME', 'rows:SCHEMA.TABLE', 'sequence:SCHEMA.NAME', 'large-objects', 'index:NAME', 'constraint:TABLE.NAME',
]; // biome-ignore format: a table of words

const PLANNED = matching(BY_PLAN);
const CHECKED = matching(BY_CHECKS);

function matching(forms: readonly string[]): RegExp {
  const patterns = forms.map((form) => form.replace(/([ :])[A-Z][A-Z. ]*$/, '$1.+'));
  return new RegExp(`^(?:${patterns.join('|')})$`, 's');
}

/** @throws E_USAGE for a name that no check uses */
export function refuseUnknownNames(accept: readonly string[]): void {
  const unknown = accept.find((name) => !PLANNED.test(name) && !CHECKED.test(name));
  if (unknown === undefined) return;
  throw new PotctlError('E_USAGE', `'--accept ${unknown}' is not the name of a blocker or a failed check`, {
    why: `valid names are: ${[...BY_PLAN, ...BY_CHECKS].join(', ')}`,
    fix: ['Copy the flag from the error message, which prints it in full.'],
  });
}

/** Separates the findings that were accepted by name from those that still block. Pure. */
export function judgeFindings<T extends Finding>(
  findings: readonly T[],
  accept: readonly string[],
): { readonly refused: readonly T[]; readonly accepted: readonly Accepted[] } {
  const isAccepted = ({ name }: Finding): boolean => accept.includes(name);
  return {
    refused: findings.filter((finding) => !isAccepted(finding)),
    accepted: findings.filter(isAccepted).map(({ name, detail }) => ({ name, evidence: detail })),
  };
}

/** Warnings about names in `accept` that were not needed: of the plan's names, or of the checks' names. Pure. */
export function unneeded(
  accept: readonly string[],
  accepted: readonly Accepted[],
  known: 'plan' | 'checks',
): readonly string[] {
  const form = known === 'plan' ? PLANNED : CHECKED;
  const used = new Set(accepted.map(({ name }) => name));
  return [...new Set(accept)]
    .filter((name) => form.test(name) && !used.has(name))
    .map((name) => `--accept ${name} was not needed: there is no such blocker or failed check`);
}

/** The flags that accept these findings. Pure. */
export function acceptArguments(findings: readonly Pick<Finding, 'name'>[]): string[] {
  return [...new Set(findings.map(({ name }) => name))].flatMap((name) => ['--accept', name]);
}

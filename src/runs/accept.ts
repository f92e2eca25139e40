import type { Check } from '../kernel/check.js';
import { PotctlError } from '../kernel/errors.js';

/** A check that speaks against a restore until a person accepts it by its stable name: it failed, or could not be made. */
export interface Finding extends Check {
  readonly state: 'fail' | 'unknown';
}

/** Something that a person accepted, as the record of the run keeps it. */
export interface Accepted {
  readonly name: string;
  readonly evidence: string;
}

/** Names that the plan knows before anything is restored. */
const BY_PLAN = [
  'slot NAME', 'subscription NAME', 'publication NAME', 'pg_cron', 'damage:BACKUP', 'server-version', 'space',
  'extension:NAME', 'owner:ROLE', 'superuser:OBJECT',
]; // biome-ignore format: a table of words
/** Names that only the checks of the restored database know. */
const BY_CHECKS = [
  'object:KIND NAME', 'rows:SCHEMA.TABLE', 'sequence:SCHEMA.NAME', 'large-objects', 'index:NAME', 'constraint:TABLE.NAME',
]; // biome-ignore format: a table of words

const PLANNED = matching(BY_PLAN);
const CHECKED = matching(BY_CHECKS);

function matching(forms: readonly string[]): RegExp {
  const patterns = forms.map((form) => form.replace(/([ :])[A-Z][A-Z. ]*$/, '$1.+'));
  return new RegExp(`^(?:${patterns.join('|')})$`, 's');
}

/** @throws E_USAGE for a name that no check has */
export function refuseUnknownNames(accept: readonly string[]): void {
  const unknown = accept.find((name) => !PLANNED.test(name) && !CHECKED.test(name));
  if (unknown === undefined) return;
  throw new PotctlError('E_USAGE', `'--accept ${unknown}' names nothing that could be accepted`, {
    why: `the names have these forms: ${[...BY_PLAN, ...BY_CHECKS].join(', ')}`,
    fix: ['Copy the name from the refusal: it prints the complete line.'],
  });
}

/** Tells the findings that were accepted by name from those that still refuse. Pure. */
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

/** The names in `accept` that nothing needed: of those that the plan knows, or of those that the checks know. Pure. */
export function unneeded(
  accept: readonly string[],
  accepted: readonly Accepted[],
  known: 'plan' | 'checks',
): readonly string[] {
  const form = known === 'plan' ? PLANNED : CHECKED;
  const used = new Set(accepted.map(({ name }) => name));
  return [...new Set(accept)]
    .filter((name) => form.test(name) && !used.has(name))
    .map((name) => `--accept ${name} was not needed: nothing of that name speaks against it`);
}

/** What has to be added to the command line so that these are accepted. Pure. */
export function acceptArguments(findings: readonly Pick<Finding, 'name'>[]): string[] {
  return [...new Set(findings.map(({ name }) => name))].flatMap((name) => ['--accept', name]);
}

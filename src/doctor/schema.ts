import type { Check } from '../kernel/check.js';
import type { Advice } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import { type Connected, fail, ok } from './check.js';

/** Returns what is wrong with what `potctl setup` installed, and the command that fixes it; null = nothing. */
export type SetupLook = (session: Session) => Promise<{ readonly detail: string; readonly fix: Advice } | null>;

/** Checks potctl's own schema: an old version lets others act as its owner. */
export async function schemaCheck({ session }: Connected, look: SetupLook): Promise<Check> {
  const problem = await look(session);
  if (problem !== null) return fail('schema potctl', problem.detail, problem.fix);
  return ok('schema potctl', 'not installed, or up to date');
}

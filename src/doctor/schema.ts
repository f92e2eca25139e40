import type { Check } from '../kernel/check.js';
import type { Advice } from '../kernel/next.js';
import type { Session } from '../postgres/server.js';
import { type Connected, fail } from './check.js';

/** Returns what is wrong with what `potctl setup` installed, and the command that fixes it; null = nothing. */
export type SetupLook = (session: Session) => Promise<{ readonly detail: string; readonly fix: Advice } | null>;

/** How potctl's own schema is checked. */
export interface SetupChecks {
  readonly problem: SetupLook;
  /** Says what is installed. */
  describe(session: Session): Promise<{ readonly detail: string; readonly next?: Advice }>;
}

/** Checks potctl's own schema: an old version lets others act as its owner. */
export async function schemaCheck({ session }: Connected, setup: SetupChecks): Promise<Check> {
  const problem = await setup.problem(session);
  if (problem !== null) return fail('schema potctl', problem.detail, problem.fix);
  return { name: 'schema potctl', state: 'ok', ...(await setup.describe(session)) };
}

import { ExitCode } from '../../../src/kernel/error-catalog.js';
import { scriptKeys, type Verbatim } from './json.js';
import type { Page } from './paging.js';

/** What every envelope contains in addition to its data. */
export interface EnvelopeFacts {
  /** `backup list` */
  readonly command: string;
  readonly exitCode: number;
  readonly profile: { readonly name: string | null; readonly environment: string | null } | null;
  readonly generatedAt: Date;
  readonly runId: string;
  readonly traceId: string;
  readonly warnings: readonly string[];
  /** Members of the data whose keys are not converted. */
  readonly verbatim: Verbatim;
}

/** Facts about a change. */
export interface ActionFacts {
  readonly dryRun: boolean;
  readonly changed: boolean;
  readonly operator: { readonly name: string; readonly source: 'session' | 'flag'; readonly verified: boolean };
  readonly reason: string | null;
  readonly ticket: string | null;
}

/**
 * Returns the envelope of a list, with `items` still empty. `page` always says if there are more. If the page is only known at the end
 * (null), the caller writes it after the items.
 */
export function listEnvelope(facts: EnvelopeFacts, page: Page | null): Record<string, unknown> {
  return {
    ...head(facts),
    window: { since: null, until: null },
    ...(page && { page: pageFacts(page) }),
    ...tail(facts),
    items: [],
  };
}

/** Returns the envelope of one thing: `item`. */
export function itemEnvelope(facts: EnvelopeFacts, item: unknown): Record<string, unknown> {
  return { ...head(facts), ...tail(facts), item: scriptKeys(item, facts.verbatim) };
}

/** Returns the envelope of a change: `result`, whether anything was changed, by whom and why. */
export function actionEnvelope(facts: EnvelopeFacts, action: ActionFacts, result: unknown): Record<string, unknown> {
  const { dryRun, changed, operator, reason, ticket } = action;
  return {
    ...{ ...head(facts), dry_run: dryRun, changed, operator, reason, ticket, ...tail(facts) },
    result: scriptKeys(result, facts.verbatim),
  };
}

/** Returns the last line of an ndjson list. */
export function summaryLine(facts: EnvelopeFacts, page: Page): Record<string, unknown> {
  return { type: 'summary', ...head(facts), page: pageFacts(page), ...tail(facts) };
}

function head(facts: EnvelopeFacts): Record<string, unknown> {
  return {
    schema: `potctl/${facts.command.replace(' ', '.')}@1`,
    ok: facts.exitCode === ExitCode.ok,
    exit: facts.exitCode,
    profile: facts.profile,
    generated_at: facts.generatedAt.toISOString(),
    run_id: facts.runId,
    trace_id: facts.traceId,
  };
}

function tail(facts: EnvelopeFacts): Record<string, unknown> {
  return { warnings: facts.warnings };
}

/** Returns the member `page`. */
export function pageFacts({ returned, total, truncated, nextCursor }: Page): Record<string, unknown> {
  return { returned, total, total_exact: total !== null, truncated, next_cursor: nextCursor };
}

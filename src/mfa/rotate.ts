import type { Sealed, SealedRow } from '../applications/application.js';
import { counted, verb } from '../kernel/counted.js';
import { PotctlError } from '../kernel/errors.js';
import type { Prepared } from '../kernel/prepared.js';
import type { Progress } from '../kernel/progress.js';
import type { Session } from '../postgres/server.js';
import { requireState } from './change.js';
import type { Uses } from './deps.js';
import { type Keyring, openSecret, prefixOf, sealSecret } from './envelope.js';
import { refuseProtected, refuseUnexplained } from './guard.js';
import { countKeys, type KeyCount } from './key-check.js';
import type { ChangeRequest } from './request.js';
import { inTransaction, type Transaction } from './transaction.js';

/** A request to re-encrypt secrets. */
export interface RotateRequest extends Omit<ChangeRequest, 'user'> {
  /** Id of the key to encrypt with. Default: the newest; an older one undoes a rotation. */
  readonly to?: string | null | undefined;
  /** Secrets per transaction. Default 500. */
  readonly batch?: number | undefined;
}

/** What a rotation would do. */
export interface RotatePlan {
  readonly application: string;
  readonly to: string;
  /** The key for new secrets; differs from `to` if a rotation is undone. */
  readonly newest: string;
  /** Secrets under other keys, to be re-encrypted. */
  readonly pending: number;
  /** Secrets that are already encrypted with `to`. */
  readonly settled: number;
  readonly keys: readonly KeyCount[];
}

/** What a rotation did. */
export interface RotateResult {
  readonly to: string;
  readonly changed: boolean;
  readonly resealed: number;
  /** In a dry run: secrets that would be re-encrypted. */
  readonly pending: number;
  readonly settled: number;
  /** Secrets that no configured key can decrypt; they are not changed. */
  readonly unreadable: readonly { readonly key: string | null; readonly problem: string; readonly count: number }[];
  /** The last journal entry; each transaction has one. null = nothing was written. */
  readonly journal_seq: string | null;
}

/**
 * Decrypts every stored secret and plans which to re-encrypt. Applying it re-encrypts the secrets that are under another key.
 *
 * @throws E_UNSUPPORTED if the application does not encrypt secrets, E_MFA_KEY (no key with that id), E_REASON_REQUIRED, E_PROFILE_REQUIRED,
 * E_BREAK_GLASS (protected by the profile), E_SETUP_MISSING, E_DB_*
 */
export async function prepareRotation(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy' | 'keys'>,
  { to = null, batch = 500 }: RotateRequest,
  progress: Progress,
): Promise<Prepared<RotatePlan, RotateResult>> {
  const plan = await planRotation(deps, to);
  return {
    plan,
    dryRun: async () => ({ ...untouched(plan), pending: plan.pending }),
    apply: async () => (plan.pending === 0 ? untouched(plan) : rotate(deps, plan, batch, progress)),
  };
}

async function planRotation(
  deps: Uses<'database' | 'journal' | 'actor' | 'policy' | 'keys'>,
  to: string | null,
): Promise<RotatePlan> {
  refuseUnexplained(deps);
  refuseProtected(deps, 'rotate');
  const sealed = sealedOf(deps);
  const ring = await deps.keys();
  const target = targetOf(ring, to);
  const session = await deps.database.session('mfa.rotate.plan');
  try {
    requireState({ installed: await deps.journal.version(session) });
    await session.query('set statement_timeout = 0');
    const keys = await countKeys(deps, session, sealed.all);
    const sum = (of: (one: KeyCount) => boolean) => keys.filter(of).reduce((total, { count }) => total + count, 0);
    return {
      ...{ application: deps.database.application.name, to: target, newest: [...ring.keys()].at(-1)!, keys },
      pending: sum(({ key, problem }) => problem === null && key !== target),
      settled: sum(({ key, problem }) => problem === null && key === target),
    };
  } finally {
    await session.close();
  }
}

/**
 * Re-encrypts with `plan.to` every secret that is under another key, in batches: rows are locked, written and recorded in the journal in one
 * transaction per batch. If stopped, finished batches stay, and the next run continues; a second run finds nothing to do.
 *
 * Secrets are decrypted in memory only and transferred by COPY, so no log contains them. Secrets that cannot be decrypted are not changed.
 *
 * @throws E_DB_*, E_NOT_KEPT (the database stored something else); `changed` says how far it got
 */
async function rotate(
  deps: Uses<'database' | 'journal' | 'actor' | 'keys'>,
  plan: RotatePlan,
  limit: number,
  progress: Progress,
): Promise<RotateResult> {
  const { to } = plan;
  const session = await deps.database.session('mfa.rotate');
  const sum = { done: 0, seq: null as string | null };
  progress({ kind: 'phase', name: 'secrets' });
  try {
    for await (const { count, seq } of batches(deps, session, to, limit)) {
      sum.done += count;
      sum.seq = seq ?? sum.seq;
    }
  } catch (error) {
    throw error instanceof PotctlError && sum.done > 0 ? halfWay(error, sum.done, to) : error;
  } finally {
    await session.close();
  }
  progress({ kind: 'done', name: 'secrets', facts: { sealed: sum.done } });
  return { ...untouched(plan), changed: sum.done > 0, resealed: sum.done, journal_seq: sum.seq };
}

/** Returns the result if nothing was written. */
function untouched({ to, settled, keys }: RotatePlan): RotateResult {
  const unreadable = keys.flatMap(({ key, problem, count }) => (problem === null ? [] : [{ key, problem, count }]));
  return { to, changed: false, resealed: 0, pending: 0, settled, unreadable, journal_seq: null };
}

interface Batch {
  readonly count: number;
  readonly last: string;
  readonly seq: string | null;
}

interface From {
  readonly to: string;
  readonly after: string | null;
  readonly limit: number;
}

/** Yields each batch after its commit. */
async function* batches(
  deps: Uses<'database' | 'journal' | 'actor' | 'keys'>,
  session: Session,
  to: string,
  limit: number,
): AsyncGenerator<Batch> {
  const ring = await deps.keys();
  for (let after: string | null = null; ; ) {
    const from: From = { to, after, limit };
    const work = (transaction: Transaction): Promise<Batch | null> => sealAgain(deps, transaction, ring, from);
    const batch = await inTransaction(session, deps.actor.runId, work);
    if (batch === null) return;
    yield batch;
    after = batch.last;
  }
}

/** Re-encrypts one batch in its transaction; null = no more rows. */
async function sealAgain(
  deps: Uses<'database' | 'journal' | 'actor'>,
  transaction: Transaction,
  ring: Keyring,
  { to, after, limit }: From,
): Promise<Batch | null> {
  const sealed = sealedOf(deps);
  const rows = await sealed.next(transaction, { prefix: prefixOf(to), after, limit });
  const last = rows.at(-1)?.[0];
  if (last === undefined) return null;
  const from = new Map<string, number>();
  const fresh = rows.flatMap((row) => {
    const again = sealedAgain(deps, row, ring, to);
    if (again === null) return [];
    from.set(again.from, (from.get(again.from) ?? 0) + 1);
    return [[row[0], row[2], again.text]];
  });
  if (fresh.length === 0) return { count: 0, last, seq: null };
  await transaction.conceal(fresh.flat());
  const kept = await sealed.replace(transaction);
  if (kept !== fresh.length) throw notKept(fresh.length, kept);
  const seq = await note(deps, transaction, { to, from: Object.fromEntries(from), count: kept });
  await transaction.query('set constraints all immediate');
  const left = await sealed.kept(transaction);
  if (left !== kept) throw notKept(fresh.length, left);
  return { count: kept, last, seq };
}

/** Returns null if the secret cannot be decrypted, which the plan has shown. */
function sealedAgain(
  { database }: Uses<'database'>,
  [factorId, userId, text]: SealedRow,
  ring: Keyring,
  to: string,
): { readonly from: string; readonly text: string } | null {
  const { table, column } = database.application.mfa.secretColumn;
  const place = { table, column, factorId, userId };
  const opened = openSecret(text, place, ring);
  if (!opened.ok) return null;
  return { from: opened.keyId, text: sealSecret(opened.secret, place, new Map([[to, ring.get(to)!]])) };
}

function note(
  { database, actor, journal }: Uses<'database' | 'journal' | 'actor'>,
  transaction: Transaction,
  moved: { readonly to: string; readonly from: Readonly<Record<string, number>>; readonly count: number },
): Promise<string> {
  const { operator, reason, ticket, runId, traceId, osUser, hostname, toolVersion } = actor;
  return journal.append(transaction, {
    ...{ operator, ticket, runId, traceId, reason: reason ?? '', status: 'done' as const },
    ...{ action: 'mfa.rotate', target: `${database.application.name}:key:${moved.to}` },
    details: { changed: true, ...moved, by: { os_user: osUser, host: hostname, potctl: toolVersion } },
  });
}

function sealedOf({ database: { application } }: Uses<'database'>): Sealed {
  if (application.mfa.sealed !== undefined) return application.mfa.sealed;
  throw new PotctlError(
    'E_UNSUPPORTED',
    `'${application.name}' does not encrypt its secrets, so there is no key to rotate`,
  );
}

/** @throws E_MFA_KEY */
function targetOf(ring: Keyring, wanted: string | null): string {
  const target = wanted ?? [...ring.keys()].at(-1);
  if (target !== undefined && ring.has(target)) return target;
  const why = ring.size === 0 ? 'no key is configured' : `configured: ${[...ring.keys()].join(', ')}`;
  throw new PotctlError('E_MFA_KEY', `key${target === undefined ? '' : ` '${target}'`} not found`, {
    why,
  });
}

const notKept = (wanted: number, kept: number): PotctlError =>
  new PotctlError('E_NOT_KEPT', 'the database did not store the secrets as written', {
    why: { written: wanted, kept },
  });

/** Even after a COMMIT without an answer, only one batch of many is in doubt. */
const halfWay = (error: PotctlError, done: number, to: string): PotctlError =>
  error.with({
    changed: 'partial',
    changedDetail: `${counted(done, 'secret')} ${verb(done, 'is', 'are')} re-encrypted with '${to}', the others were not changed; repeat the command to continue`,
  });

import type { FilesPart, Manifest } from '../catalog/manifest.js';
import type { DumpResult } from '../dump/dump.js';
import { counted, verb } from '../kernel/counted.js';
import type { CreateRequest } from './create-request.js';
import type { ReferenceCounts } from './references.js';

/** What was backed up, in the order in which it was read. */
export interface ManifestParts {
  readonly dump: DumpResult | null;
  readonly storage: FilesPart | null;
  readonly references: ReferenceCounts | null;
  readonly firstPassEnd: Date | null;
  readonly secondPassEnd: Date | null;
}

/** When and for whom the backup was created. */
export interface ManifestFacts {
  readonly id: string;
  readonly set: string;
  readonly previous: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly durationMs: number;
  /** Reasons why the backup is degraded, whatever its parts contain. */
  readonly doubts: readonly string[];
  /** How far this machine's clock was ahead of the server's; null = no server was asked. */
  readonly clockOffMs: number | null;
  readonly request: CreateRequest;
}

/** Composes the manifest. Pure. A missing or torn piece makes the status `degraded`, with the reason. */
export function composeManifest(parts: ManifestParts, facts: ManifestFacts): Manifest {
  const { dump, storage } = parts;
  const { request } = facts;
  const reasons = [...degradedReasons(parts), ...facts.doubts];
  return {
    schema: 'potctl.manifest',
    schema_version: '2.0',
    version: '2.0',
    id: facts.id,
    timestamp: facts.startedAt.toISOString(),
    finished_at: facts.finishedAt.toISOString(),
    status: reasons.length === 0 ? 'complete' : 'degraded',
    degraded_reasons: reasons,
    kind: request.kind,
    set: facts.set,
    profile: request.profile,
    trace_id: request.traceId,
    run_id: request.runId,
    tool: request.tool,
    host: { hostname: request.hostname },
    clock: facts.clockOffMs === null ? null : { ahead_of_server_ms: facts.clockOffMs },
    note: request.note,
    labels: { ...request.labels },
    snapshot: dump?.snapshot ?? null,
    consistency: storage === null ? null : consistencyOf(parts),
    database: dump?.part ?? null,
    storage,
    totals: totalsOf(parts, facts),
    previous: facts.previous,
  };
}

function totalsOf({ dump, storage }: ManifestParts, { durationMs }: ManifestFacts): Manifest['totals'] {
  const artifacts = [...(dump?.part.files ?? []), ...(storage?.artefacts ?? [])];
  return {
    artefacts: artifacts.length,
    stored_bytes: artifacts.reduce((sum, { size }) => sum + size, 0),
    source_bytes: (dump?.part.server.size_bytes ?? 0) + (storage?.bytes ?? 0),
    duration_ms: durationMs,
  };
}

function consistencyOf({ references, firstPassEnd, secondPassEnd }: ManifestParts): Manifest['consistency'] {
  return {
    files_first_pass_end: firstPassEnd?.toISOString() ?? null,
    files_second_pass_end: secondPassEnd?.toISOString() ?? null,
    referenced: references?.referenced ?? null,
    missing: references?.missing ?? null,
    orphans: references?.orphans ?? null,
    missing_examples: [...(references?.missingExamples ?? [])],
  };
}

function degradedReasons({ dump, storage, references }: ManifestParts): string[] {
  const reasons = [...(dump?.degraded ?? [])];
  if (storage !== null && isEmpty(storage)) {
    reasons.push(`the directory ${storage.root} is empty: is its disk mounted?`);
  }
  if (storage !== null && storage.incomplete_total > 0) {
    reasons.push(incompleteText(storage));
  }
  if (references !== null && references.missing > 0) {
    reasons.push(
      `${references.missing} of ${counted(references.referenced, 'file')} referenced by the database ${verb(references.missing, 'is', 'are')} missing`,
    );
  }
  return reasons;
}

/** An unreadable directory counts as one, although it may hide any number of files. */
function incompleteText({ incomplete_total: total, unlisted_total: unlisted = 0 }: FilesPart): string {
  const hidden =
    unlisted === 0
      ? ''
      : `, including ${unlisted === 1 ? '1 directory' : `${unlisted} directories`} with unknown contents`;
  const count = `${unlisted === 0 ? '' : 'at least '}${total} ${total === 1 ? 'file' : 'files'}`;
  return `${count} changed, vanished or could not be read${hidden}`;
}

/** An empty tree is usually a missing mount, so it is never a good backup without a word. */
function isEmpty({ files, directories, symlinks, skipped, incomplete_total }: FilesPart): boolean {
  return files + directories + symlinks + incomplete_total === 0 && skipped.length === 0;
}
